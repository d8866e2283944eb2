import assert from "node:assert/strict";
import { counted } from "../../../src/lib/counted.ts";

Deno.test("counted() uses the singular only for one", () => {
  assert.deepEqual([0, 1, 2].map((count) => counted(count, "row")), ["0 rows", "1 row", "2 rows"]);
  assert.equal(counted(2, "sandbox", "sandboxes"), "2 sandboxes");
  assert.equal(counted(12_345, "row"), "12,345 rows");
});
