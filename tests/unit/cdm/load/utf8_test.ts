import assert from "node:assert/strict";
import fc from "fast-check";
import { Utf8Reader } from "../../../../src/cdm/load/utf8.ts";

function read(bytes: Uint8Array, size: number): { text: string; invalid: boolean } {
  const reader = new Utf8Reader();
  let text = "";
  for (let at = 0; at < bytes.length; at += size) text += reader.push(bytes.subarray(at, at + size));
  text += reader.end();
  return { text, invalid: reader.invalid };
}

Deno.test("Utf8Reader decodes text from bytes that are cut anywhere", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 9 }), (text, size) => {
    const expected = text.startsWith("\uFEFF") ? text.slice(1) : text;
    assert.deepEqual(read(new TextEncoder().encode(text), size), { text: expected, invalid: false });
  }));
});

Deno.test("Utf8Reader removes a byte order mark at the start, and only there", () => {
  assert.equal(read(new TextEncoder().encode("\uFEFFa\uFEFFb"), 2).text, "a\uFEFFb");
});

Deno.test("Utf8Reader detects invalid bytes, and accepts a valid U+FFFD", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 5 }), (size) => {
    assert.equal(read(Uint8Array.of(0x61, 0xe9, 0x62), size).invalid, true);
    assert.equal(read(Uint8Array.of(0x61, 0xc3), size).invalid, true);
    assert.equal(read(new TextEncoder().encode("a\uFFFDb"), size).invalid, false);
  }));
});
