import assert from "node:assert/strict";
import { GOALS, goalTexts, measuredGoals } from "../../bench/goals.ts";
import type { SavedTables } from "../../bench/saved.ts";

const TABLES: SavedTables = {
  "Create a sandbox, through MCP over stdio": table([
    ["warm: one that was started ahead", [1, 2, 20]],
    ["floor: create, attach, start, first byte of Python", [100, 100, 100]],
    ["cold", [120, 125, 130]],
  ]),
  "100 MB printed, through MCP over stdio": table([["printed by a cell", [90, 80]]], "MB/s"),
};

function table(
  rows: readonly (readonly [string, number[]])[],
  unit: "ms" | "MB/s" = "ms",
): SavedTables[string] {
  return {
    at: "2026-11-28T18:00:00.000Z",
    machine: "2 cores",
    rows: rows.map(([name, figures]) => ({ name, unit, count: figures.length, figures })),
  };
}

Deno.test("measuredGoals() compares quantiles, ratios and rates with their bounds, and leaves out what was not measured", () => {
  const texts = measuredGoals(TABLES).map((measured) => [
    measured.goal.what,
    ...Object.values(goalTexts(measured)),
    measured.met,
  ]);
  assert.deepEqual(texts, [
    ["warm create, pandas loaded", "p50 2.00 ms", "≤ 3 ms", true],
    ["warm create, pandas loaded", "p95 18.2 ms", "≤ 15 ms", false],
    ["cold create, relative to the floor", "p50 125 ms, × 1.25", "≤ × 1.3", true],
    ["100 MB printed", "p50 85.0 MB/s", "≥ 100 MB/s", false],
  ]);
});

Deno.test("no two goals are about the same figure", () => {
  const figures = GOALS.map(({ table, row, part }) => `${table}, ${row}, ${part}`);
  assert.equal(new Set(figures).size, figures.length);
});
