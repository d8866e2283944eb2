import assert from "node:assert/strict";
import { hashParts } from "../../../src/lib/hash_parts.ts";

Deno.test("hashParts() distinguishes lists whose concatenated texts are equal", () => {
  assert.notEqual(hashParts(["ab", "c"]), hashParts(["a", "bc"]));
  assert.notEqual(hashParts(["a"]), hashParts(["a", ""]));
  assert.equal(hashParts(["ä", "b"]), hashParts(["ä", "b"]));
});
