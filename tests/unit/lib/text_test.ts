import assert from "node:assert/strict";
import fc from "fast-check";
import { readableBytes, showable } from "../../../src/lib/text.ts";

Deno.test("showable() escapes characters that a terminal would obey, and keeps the rest", () => {
  assert.equal(showable("a\tb\nc\r\nd é 😀"), "a\tb\nc\nd é 😀");
  assert.equal(showable("\x1b]52;c;x\x07\u009b\u202e\x00"), "\\x1b]52;c;x\\x07\\x9b\\u202e\\x00");
  assert.equal(showable("a\ud8ff😀\udc00"), "a\\ud8ff😀\\udc00");
});

Deno.test("showable() returns the text that a terminal would show", () => {
  assert.equal(showable("\x1b[1;31mred\x1b[0m"), "red");
  assert.equal(showable(" 10%|#  |\r 90%|## |\r100%|###|\ndone"), "100%|###|\ndone");
  assert.equal(showable("abcdef\rXY"), "XYcdef");
  assert.equal(showable("loading\r\x1b[Kok"), "ok");
  assert.equal(showable("12\b3"), "13");
  assert.equal(showable("kept\r"), "kept");
});

Deno.test("showable() always returns well-formed text without control characters", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const shown = showable(text);
    assert.ok(shown.isWellFormed());
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(shown, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
  }));
});

Deno.test("readableBytes() chooses the unit", () => {
  assert.deepEqual([0, 1, 1023, 1024, 1024 * 1024].map(readableBytes), [
    "0 bytes",
    "1 byte",
    "1023 bytes",
    "1.0 KiB",
    "1.0 MiB",
  ]);
});
