import assert from "node:assert/strict";
import { NumberLists } from "../../../../src/cdm/concepts/number_lists.ts";

Deno.test("lists of numbers keep their order, however many there are", () => {
  const lists = new NumberLists();
  for (let at = 0; at < 10_000; at += 1) lists.add(at % 7, 2 ** 40 + at);
  const expected = Array.from({ length: 10_000 }, (_, at) => at).filter((at) => at % 7 === 3);
  assert.deepEqual(lists.of(3), expected.map((at) => 2 ** 40 + at));
  assert.deepEqual(lists.of(7), []);
  assert.equal(lists.size, 10_000);
});
