import assert from "node:assert/strict";
import { shownPath } from "../../../src/lib/shown_path.ts";
import { textPiece } from "../../../src/mcp/file_text.ts";

const encoder = new TextEncoder();

Deno.test("pieces of any size join to the whole text, and split no character", () => {
  const text = "a,ü,€,😀\nzeile zwei 😀😀😀\n\nohne Ende €";
  const bytes = encoder.encode(text);
  for (let size = 4; size <= bytes.length + 1; size += 1) {
    let whole = "";
    for (let at = 0; at < bytes.length;) {
      const end = at + size >= bytes.length;
      const piece = textPiece(bytes.subarray(at, at + size), { begin: at === 0, end });
      assert(piece !== undefined && piece.used > 0 && piece.skipped === 0, `size ${size}, at ${at}`);
      assert.equal(piece.invalid, 0);
      whole += piece.text;
      at += piece.used;
    }
    assert.equal(whole, text);
  }
});

Deno.test("a piece that begins within a character skips its rest", () => {
  const piece = textPiece(encoder.encode("€uro").subarray(1), { begin: false, end: true });
  assert.deepEqual([piece?.text, piece?.skipped], ["uro", 2]);
});

Deno.test("binary data is not text, and Latin-1 is", () => {
  const random = new Uint8Array(4096);
  crypto.getRandomValues(random);
  assert.equal(textPiece(random, { begin: true, end: true }), undefined);
  assert.equal(textPiece(random.map((byte) => byte || 1), { begin: true, end: true }), undefined);
  assert.equal(textPiece(Uint8Array.of(0x61, 0), { begin: true, end: true }), undefined);
  const latin = textPiece(Uint8Array.from("Müller;Größe\n", (c) => c.charCodeAt(0)), {
    begin: true,
    end: true,
  });
  assert.deepEqual([latin?.text, latin?.invalid], ["M\ufffdller;Gr\ufffd\ufffde\n", 3]);
});

Deno.test("a path is shown as it is, or as a JSON string without characters that control a terminal", () => {
  assert.equal(shownPath("data/größe_1.csv"), "data/größe_1.csv");
  for (const path of ["a b", 'a"b', "a\nb", "\x1b[2J", "\u202egnp.exe", "\udcff", "\x9b1m", "~$x;rm", ""]) {
    const shown = shownPath(path);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(shown, /[\u0000-\u001f\u007f-\u009f\u202a-\u202e]|\p{Surrogate}/u);
    assert.equal(JSON.parse(shown), path);
  }
});
