import assert from "node:assert/strict";
import { interleaved, summarize } from "../../bench/stats.ts";

Deno.test("summarize() returns the median and the outer tenths of values in any order", () => {
  assert.deepEqual(summarize([11, 1, 6, 2, 10, 3, 9, 4, 8, 5, 7]), {
    median: 6,
    low: 2,
    high: 10,
    count: 11,
  });
});

Deno.test("summarize() interpolates between two values, and accepts a single one", () => {
  assert.equal(summarize([1, 2]).median, 1.5);
  assert.deepEqual(summarize([3]), { median: 3, low: 3, high: 3, count: 1 });
});

Deno.test("summarize() refuses an empty series", () => {
  assert.throws(() => summarize([]), RangeError);
});

Deno.test("interleaved() alternates between its actions", async () => {
  const order: string[] = [];
  function record(name: string): () => Promise<number> {
    return () => Promise.resolve(order.push(name));
  }
  const figures = await interleaved(2, { a: record("a"), b: record("b") });
  assert.deepEqual(order, ["a", "b", "a", "b"]);
  assert.deepEqual(figures.get("b"), [2, 4]);
});
