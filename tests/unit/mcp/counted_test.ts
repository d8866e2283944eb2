import assert from "node:assert/strict";
import { counted } from "../../../src/mcp/counted.ts";

Deno.test("counted() uses the singular for one only", () => {
  assert.deepEqual([0, 1, 2].map((count) => counted(count, "row")), ["0 rows", "1 row", "2 rows"]);
  assert.equal(counted(2, "sandbox", "sandboxes"), "2 sandboxes");
});
