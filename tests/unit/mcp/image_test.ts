import assert from "node:assert/strict";
import { imageBase64 } from "../../../src/mcp/image.ts";
import type { ImageType } from "../../../src/mcp/image_types.ts";
import { imageSize } from "../../../src/mcp/image_size.ts";
import { PICTURES, WEBP } from "../../fixtures/pictures.ts";

/** Sets the width in a picture's header: little-endian, except in PNG and JPEG. */
function widened(kind: ImageType, base64: string, width: number): string {
  const bytes = Uint8Array.fromBase64(base64);
  const view = new DataView(bytes.buffer);
  if (kind === "image/png") view.setUint32(16, width);
  else if (kind === "image/gif") view.setUint16(6, width, true);
  else if (kind === "image/jpeg") {
    const frame = bytes.findIndex((byte, at) => byte === 0xff && bytes[at + 1] === 0xc2);
    view.setUint16(frame + 7, width);
  } else if (bytes[15] === "L".charCodeAt(0)) view.setUint16(21, (width - 1) | 0x4000, true);
  else view.setUint16(26, width, true);
  return bytes.toBase64();
}

Deno.test("a picture's size is read from its header", () => {
  for (const [kind, base64] of PICTURES) {
    assert.deepEqual(imageSize(kind, Uint8Array.fromBase64(base64)), { width: 3, height: 2 }, kind);
    assert.equal(imageBase64(kind, base64), base64);
  }
});

Deno.test("a picture with too many pixels is reported and not sent", () => {
  for (const [kind, base64] of PICTURES) {
    assert.equal(typeof imageBase64(kind, widened(kind, base64, 1568)), "string", kind);
    assert.deepEqual(imageBase64(kind, widened(kind, base64, 9000)), {
      problem: `${kind} not shown: 9000 x 2 pixels, at most 1568 a side can be shown; make it smaller`,
    });
  }
});

Deno.test("a damaged picture is reported and not sent", () => {
  // A lossless WebP cannot encode a width of zero.
  for (const [kind, base64] of PICTURES) {
    const bytes = Uint8Array.fromBase64(base64);
    // A GIF's size is in its first ten bytes.
    const beginning = bytes.slice(0, kind === "image/gif" ? 8 : 14).toBase64();
    assert.deepEqual(imageBase64(kind, beginning), { problem: `not shown: a damaged ${kind}` });
    if (base64 !== WEBP) {
      assert.deepEqual(imageBase64(kind, widened(kind, base64, 0)), {
        problem: `not shown: a damaged ${kind}`,
      });
    }
  }
  const garbage = btoa("\x89PNG\r\n\x1a\n" + "x".repeat(300));
  assert.deepEqual(imageBase64("image/png", garbage), { problem: "not shown: a damaged image/png" });
});
