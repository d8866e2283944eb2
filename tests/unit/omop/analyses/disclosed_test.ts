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
    least: 21,
  });
}

Deno.test("the ends of a curve's intervals are the days that are asked for and at most ten others", () => {
  assert.deepEqual(curveDays([365]), [60, 120, 180, 240, 300, 360, 365]);
  assert.deepEqual(curveDays([7]), [7]);
  assert.equal(curveDays([36_525]).filter((day) => day !== 36_525).length <= 10, true);
});

Deno.test("an interval whose released outcomes differ by too few is part of the next one", () => {
  const stepsOf = (...ends: Parameters<typeof curve>[1]) => {
    const { table } = curve(1_000, ends);
    const [day, events] = ["day", "events"].map((name) => table.columns.indexOf(name));
    return table.rows.map((row) => [row[day ?? -1], Number(row[events ?? -1])]).filter(([, number]) =>
      Number(number) > 0
    );
  };
  assert.deepEqual(stepsOf([100, 800], [110, 700], [150, 500]), [[100, 100], [300, 50]]);
  // Of the last one they count as censorings, so that the curve reaches its day.
  assert.deepEqual(stepsOf([100, 800], [110, 700]), [[100, 100]]);
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

Deno.test("a curve ends where the persons at risk are withheld, and there is no curve without outcomes or of few persons", () => {
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

Deno.test("on a day without a step, where outcomes may be missing, a curve has the value of the step before and no interval", () => {
  // 100 outcomes by the last day, but each set is near the one before and gets its number.
  const { table, shown, chart, notes } = curve(1_000, [[67, 930], [67, 900], [67, 850]]);
  const day = table.columns.indexOf("day");
  assert.deepEqual(table.rows.map((row) => row[day]), [50, 100]);
  const [first, ...later] = shown.rows[0]?.slice(4) ?? [];
  assert.equal(first, "0.9329 (0.9156 to 0.9468)");
  assert.deepEqual(later, Array(2).fill("0.9329 or less (as on day 100)"));
  assert.deepEqual(chart?.series[0]?.x, [0, 50, 100]);
  assert.match(notes.join("\n"), /outcomes may be missing .* more than 20 too/);
  const between = curve(1_000, [[67, 930], [67, 900], [150, 700]]).shown.rows[0];
  assert.equal(between?.[5], "0.9329 or less (as on day 100)");
  assert.match(String(between?.[6]), /^0\.8\d+ \(/);
  // Before the first outcomes that are known, half of the censorings are no step.
  assert.equal(curve(1_000, [[null, 950], [100, 800]]).shown.rows[0]?.[4], "withheld");
});

Deno.test("inconsistent numbers make no share above all persons and no negative count", () => {
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
    }, { k: 11, slack: 20 });
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

Deno.test("an SMD of released numbers has the range that its numbers allow, and is an imbalance if all of it is one", () => {
  const two = (persons: number, [first, second]: readonly [number, number], derived = false) => {
    const numbersOf = (counts: readonly (readonly [readonly string[], number, (readonly number[])?])[]) => {
      const all = new DisclosedNumbers();
      counts.forEach(([keys, count, values = []], cohort) =>
        all.add(cohort, [{ keys, persons: count, values, derived }])
      );
      return all;
    };
    const ages = (mean: number) => [mean * persons, (mean ** 2 + 100) * persons];
    const { shown, table, notes } = disclosedTableOne({ ...NAMES, cohorts: ["a", "b"] }, {
      persons: numbersOf([[[], persons], [[], persons]]),
      numbers: [numbersOf([[[], persons, ages(50)], [[], persons, ages(60)]])],
      attributes: [],
      covariates: [{ name: "drug", numbers: numbersOf([[[], first], [[], second]]) }],
    }, { k: 11, slack: 20 });
    assert.deepEqual(table.columns.slice(-4), ["smd", "smd_lower", "smd_upper", "mark"]);
    assert.match(notes.join(), /each number may be off by up to 20 persons/);
    const text = (variable: string) => shown.rows.find(([name]) => name === variable)?.at(-1);
    return { drug: text("drug"), age: text("age"), row: table.rows.at(-1)?.slice(-4, -1) };
  };
  // 40 and 60 of 100 may be 20 to 60 of 80 to 120, and 40 to 80.
  const small = two(100, [40, 60]);
  assert.equal(small.drug, "-0.408 (-3.16 to 0.921)");
  assert.deepEqual(small.row?.map((value) => Number(Number(value).toFixed(2))), [-0.41, -3.16, 0.92]);
  assert.equal(two(10_000, [4_000, 6_000]).drug, "-0.408 (-0.421 to -0.396), imbalance");
  assert.match(String(small.age), /^-0\.99 \(-\d.* to \d[^,]*\)$/);
  assert.match(String(two(10_000, [4_000, 6_000]).age), /^-1 \(-1\.\d+ to -0\.\d+\), imbalance$/);
  assert.equal(two(10_000, [4_000, 6_000], true).drug, "-0.408 (-0.434 to -0.383), imbalance ~");
});
