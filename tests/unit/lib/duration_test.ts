import assert from "node:assert/strict";
import { readableDuration } from "../../../src/lib/duration.ts";

Deno.test("readableDuration() writes seconds, minutes or hours, rounded down", () => {
  const minute = 60_000;
  const cases: [number, string][] = [
    [-5, "0 s"],
    [0, "0 s"],
    [59_999, "59 s"],
    [minute, "1 min"],
    [60 * minute - 1, "59 min"],
    [60 * minute, "1 h"],
    [125 * minute, "2 h 5 min"],
    [2000 * 60 * minute, "2,000 h"],
  ];
  for (const [ms, text] of cases) assert.equal(readableDuration(ms), text);
});
