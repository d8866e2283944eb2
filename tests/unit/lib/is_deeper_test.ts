import assert from "node:assert/strict";
import { isDeeper } from "../../../src/lib/is_deeper.ts";

Deno.test("isDeeper() counts levels of lists and objects, also where a function that calls itself could not", () => {
  assert.equal(isDeeper(1, 0), false);
  assert.equal(isDeeper([], 0), true);
  assert.equal(isDeeper({ a: [1, null, { b: "c" }] }, 3), false);
  assert.equal(isDeeper({ a: [1, null, { b: "c" }] }, 2), true);
  let deep: unknown = 1;
  for (let levels = 0; levels < 100_000; levels += 1) deep = levels % 2 === 0 ? [deep] : { deep };
  assert.equal(isDeeper(deep, 100), true);
});
