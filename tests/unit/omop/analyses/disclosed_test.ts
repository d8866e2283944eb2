import assert from "node:assert/strict";
import {
  curveDays,
  disclosedIncidence,
  DisclosedNumbers,
  disclosedSurvival,
  disclosedTableOne,
  type GroupNames,
} from "../../../../src/omop/analyses/mod.ts";

const NAMES: GroupNames = { cohorts: ["c"], strata: [], bands: [40], concepts: new Map([[8507, "MALE"]]) };

type Cell = readonly [
  keys: readonly (string | null)[],
  persons: number,
  values?: readonly number[],
  derived?: boolean,
];

function numbers(...cells: readonly Cell[]): DisclosedNumbers {
  const all = new DisclosedNumbers();
  all.add(
    0,
    cells.map(([keys, persons, values = [], derived = false]) => ({ keys, persons, values, derived })),
  );
  return all;
}

/** Numbers at the ends of two intervals: with the outcome, and at risk after. */
function curve(start: number, ends: readonly (readonly [outcomes: number | null, atRisk: number | null])[]) {
  const places = ends.flatMap(([outcomes, atRisk], i): Cell[] => [
    ...(outcomes === null ? [] : [[[String(2 * i)], outcomes] as const]),
    ...(atRisk === null ? [] : [[[String(2 * (ends.length - 1 - i) + 1)], atRisk] as const]),
  ]);
  const days = ends.map((_, i) => 100 * (i + 1));
  return disclosedSurvival(NAMES, { start: numbers([[], start]), places: numbers(...places) }, {
    ends: days,
    shown: days,
  });
}

Deno.test("the ends of a curve's intervals are the days that are asked for and at most ten others", () => {
  assert.deepEqual(curveDays([365]), [60, 120, 180, 240, 300, 360, 365]);
  assert.deepEqual(curveDays([7]), [7]);
  assert.equal(curveDays([36_525]).filter((day) => day !== 36_525).length <= 10, true);
});

Deno.test("a curve has a step for each interval whose outcomes are released, of its numbers alone", () => {
  const { table, shown } = curve(1_000, [[100, 800], [null, 700], [150, 500]]);
  const at = (name: string) => table.columns.indexOf(name);
  assert.deepEqual(table.rows.map((row) => [row[at("day")], row[at("events")], row[at("censored")]]), [
    // Half of the censorings of an interval come before its outcomes; who is left is censored on the last day.
    [50, 0, 50],
    [100, 100, 50],
    [200, 0, 125],
    [300, 50, 625],
  ]);
  const survival = (950 - 100) / 950 * (675 - 50) / 675;
  assert.ok(Math.abs(Number(table.rows.at(-1)?.[at("survival")]) - survival) < 1e-12);
  assert.equal(table.rows.every((row) => row[at("mark")] === ""), true);
  assert.match(String(shown.rows[0]?.[4]), /^0\.8947 \(/);
});

Deno.test("a curve ends where the persons at risk are withheld, and there is none without outcomes or of few persons", () => {
  const ended = curve(1_000, [[100, 800], [150, null]]);
  assert.deepEqual(ended.table.rows.map(([, day]) => day), [50, 100]);
  assert.equal(ended.shown.rows[0]?.at(-1), "withheld");
  for (
    const [tables, says] of [
      [curve(1_000, [[null, 800], [null, 500]]), /No curve, because its outcomes are withheld: c\./],
      [curve(199, [[50, 100]]), /No curve, because it would be of fewer than 200 persons: c\./],
    ] as const
  ) {
    assert.deepEqual(tables.table.rows, []);
    assert.equal(tables.chart, undefined);
    assert.match(tables.notes.join("\n"), says);
  }
});

Deno.test("numbers that do not fit each other make no rate above all and no negative count", () => {
  const { table } = curve(1_000, [[100, 900], [90, 950]]);
  for (const row of table.rows) assert.ok(Number(row[3]) >= 0 && Number(row[4]) >= 0, row.join(" "));
  const tables = disclosedIncidence(NAMES, {
    risk: numbers([[], 50, [123_456]]),
    outcomes: numbers([[], 55, [60], true]),
  });
  assert.deepEqual(tables.table.rows[0]?.slice(1, 6), [50, 123_000, 338, 60, 55]);
  assert.deepEqual(tables.table.rows[0]?.slice(-2), [1, "~"]);
  const withheld = disclosedIncidence(NAMES, { risk: numbers([[], 50, [123_456]]), outcomes: numbers() });
  assert.deepEqual(withheld.table.rows[0]?.slice(4), [null, null, null, null, null, null, ""]);
  assert.equal(withheld.chart, undefined);
});

Deno.test("a table one has means and shares of released numbers, and no deviation of fewer than 2k", () => {
  const own = (persons: number) =>
    disclosedTableOne(NAMES, {
      persons: numbers([[], persons]),
      numbers: [numbers([[], persons, [50 * persons, 2_600 * persons]])],
      attributes: [numbers([["1"], 20]), numbers([["8507"], 20], [[null], 12, [], true])],
      covariates: [{ name: "drug", numbers: numbers() }],
    }, 11);
  assert.deepEqual(own(40).shown.rows.map(([variable, value, text]) => [variable, value, text]), [
    ["persons", "", "40"],
    ["age", "years", "50 (SD 10.1)"],
    ["prior observation", "days", "withheld"],
    ["follow-up", "days", "withheld"],
    ["time in cohort", "days", "withheld"],
    ["age_group", "< 40", "withheld"],
    ["age_group", "40+", "20 (50.0 %)"],
    ["gender", "MALE", "20 (50.0 %)"],
    ["gender", "unknown", "12 (30.0 %) ~"],
    ["drug", "recorded", "withheld"],
  ]);
  assert.equal(own(21).shown.rows[1]?.[2], "50 (SD withheld)");
});
