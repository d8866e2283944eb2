import assert from "node:assert/strict";
import { fileContent } from "../../../src/mcp/file_content.ts";

Deno.test("a file's content is what the caller passed, or an error: nothing is replaced silently", () => {
  assert.deepEqual(fileContent("é", undefined), new Uint8Array([0xc3, 0xa9]));
  assert.deepEqual(fileContent(undefined, " AAH/\n"), new Uint8Array([0, 1, 255]));
  for (const text of ["\ud800", "a\udfffb"]) {
    assert.throws(() => fileContent(text, undefined), { code: "invalid_argument", message: /surrogate/ });
  }
  assert.throws(() => fileContent("a", "YQ=="), { code: "invalid_argument" });
  assert.throws(() => fileContent(undefined, "-_8="), { code: "invalid_argument" });
});
