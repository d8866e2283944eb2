import assert from "node:assert/strict";
import { quoteIdentifier } from "../../../src/lib/sql.ts";

Deno.test("quoteIdentifier() refuses names that Postgres would truncate or refuse", () => {
  assert.equal(quoteIdentifier("a b"), '"a b"');
  assert.equal(quoteIdentifier('a"b'), '"a""b"');
  assert.throws(() => quoteIdentifier(""), /1 to 63 bytes/);
  assert.throws(() => quoteIdentifier("é".repeat(32)), /received 64 bytes/);
  assert.throws(() => quoteIdentifier("a\0b"), /without NUL/);
});
