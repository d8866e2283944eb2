import assert from "node:assert/strict";
import { figureTables, goalsTable } from "../../../scripts/benchmarks.ts";
import type { SavedTables } from "../../bench/saved.ts";

const TABLES: SavedTables = {
  "Start of a server": {
    at: "2026-11-28T18:00:00.000Z",
    machine: "2 × a processor",
    rows: [
      { name: "floor", unit: "ms", count: 3, figures: [20, 30, 40] },
      { name: "start → initialize", unit: "ms", count: 1, figures: [120], over: ["floor", "not measured"] },
    ],
  },
};

Deno.test("goalsTable() has every goal, measured or not", () => {
  const lines = goalsTable(TABLES).split("\n");
  assert.equal(
    lines.at(-1),
    "| start of a server until `initialize` is answered | p50 120 ms | ≤ 150 ms | yes |",
  );
  assert.equal(lines[2], "| warm create, pandas loaded | not measured | | |");
});

Deno.test("figureTables() shows day, machine, quantiles and the ratios to rows of the same table", () => {
  assert.equal(
    figureTables(TABLES),
    `### Start of a server

2026-11-28; 2 × a processor.

| | p50 | p10 | p95 | n | ratios |
| --- | --- | --- | --- | --- | --- |
| floor | 30.0 ms | 22.0 | 39.0 | 3 |  |
| start → initialize | 120 ms |  |  | 1 | × 4.00 |`,
  );
});
