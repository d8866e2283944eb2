/** What tables of analyses say if there is nobody, no event, no value or no variation. */
import assert from "node:assert/strict";
import {
  incidenceTables,
  periodsOf,
  prevalenceTables,
  survivalTables,
  tableOneTables,
} from "../../../../src/omop/analyses/mod.ts";

const CONCEPTS = new Map([[8507, "MALE"], [8532, "FEMALE"]]);
const BY_GENDER = {
  strata: ["gender" as const],
  bands: [40],
  cohorts: ["users"],
  concepts: CONCEPTS,
};
const BY_AGE = { ...BY_GENDER, strata: ["age_group" as const] };
const WHOLE = { ...BY_GENDER, strata: [] };

function lines(
  { columns, rows }: { readonly columns: readonly string[]; readonly rows: readonly (readonly unknown[])[] },
) {
  return [columns, ...rows].map((row) => row.join(" | "));
}

Deno.test("incidenceTables() has every band of ages, says that one has no time, and gives zero outcomes an upper limit", () => {
  const found = incidenceTables(BY_AGE, [
    ["0", "1", null, "2", "730", "0", "0", "1"],
    ["0", "0", "1", "2", "730", "0", "0", "1"],
  ]);
  assert.deepEqual(lines(found.shown).slice(1), [
    "users | all | 2 | 1.99863 | 0 | 0 | 0 (0 to 1,846)",
    "users | < 40 | 0 | 0 | 0 | 0 | no time at risk",
    "users | 40+ | 2 | 1.99863 | 0 | 0 | 0 (0 to 1,846)",
  ]);
  assert.deepEqual(found.notes, [
    "users: 1 person never at risk: an earlier outcome takes all their time.",
    "users: no outcome during the time at risk; only the upper limit says something.",
  ]);
  assert.deepEqual(found.table.rows[1]?.slice(-4), [null, null, null, null]);
  // What has no rate is not drawn.
  assert.deepEqual(found.chart?.series[0]?.x, ["40+"]);
});

Deno.test("incidenceTables() of nobody at risk has nothing to draw", () => {
  const found = incidenceTables(WHOLE, []);
  assert.deepEqual(lines(found.shown).slice(1), ["users | 0 | 0 | 0 | 0 | no time at risk"]);
  assert.equal(found.chart, undefined);
});

Deno.test("survivalTables() adds strata up by day, and says who is left out, where nobody is left and that a median is not reached", () => {
  const found = survivalTables(BY_GENDER, [
    ["0", "8507", "3", "1", "0"],
    ["0", "8532", "3", "1", "1"],
    ["0", null, "5", "0", "1"],
    ["0", "8507", null, "0", "4"],
  ], [1, 3, 9]);
  assert.deepEqual(lines(found.shown).slice(1), [
    "users | all | 4 | 2 | 3 (3 to not reached) | 1 (1 to 1) | 0.5 (0.05785 to 0.8449) | nobody left",
    "users | MALE | 1 | 1 | 3 (3 to not reached) | 1 (1 to 1) | 0 | 0",
    "users | FEMALE | 2 | 1 | 3 (3 to not reached) | 1 (1 to 1) | 0.5 (0.005983 to 0.9104) | nobody left",
    "users | unknown | 1 | 0 | not reached | 1 (1 to 1) | 1 (1 to 1) | nobody left",
  ]);
  assert.deepEqual(found.table.rows.filter(([, gender]) => gender === "all").map((row) => row.slice(2, 6)), [
    [3, 4, 2, 1],
    [5, 1, 0, 1],
  ]);
  assert.match(
    found.notes[0] ?? "",
    /^users: 4 persons left out: an earlier outcome\. To count later ones, set clean_window_days\.$/,
  );
  assert.match(
    found.notes[1] ?? "",
    /^Log-rank test of 3 groups: chi-square .* with 2 degrees of freedom, p = 0\.\d{4}\.$/,
  );
});

Deno.test("survivalTables() names the groups that nobody is in, and has no test without two others", () => {
  const { notes, chart } = survivalTables(BY_AGE, [["0", "0", "7", "1", "0"]], [1]);
  assert.deepEqual(notes, [
    "Nobody is in: 40+.",
    "Log-rank test: none, because fewer than two groups have persons and expected events.",
  ]);
  assert.deepEqual(chart?.series.map(({ name }) => name), ["< 40"]);
});

Deno.test("tableOneTables() has no difference of one person or of certainties, and says where nobody has a value", () => {
  const names = { ...WHOLE, cohorts: ["a", "b", "c"].slice(0, 2) };
  const found = tableOneTables(names, {
    numbers: [
      ["0", "0", "2", "30", "1", "29", "29.5", "30", "30.5", "31"],
      ["1", "0", "1", "40", null, "40", "40", "40", "40", "40"],
      ["1", "1", "0", null, null, null, null, null, null, null],
    ],
    attributes: [["0", "1", "8507", "2"], ["1", "1", "8532", "1"], ["0", "0", "0", "2"], [
      "1",
      "0",
      null,
      "1",
    ]],
    covariates: [{ name: "treated", rows: [["0", "1"]] }],
  });
  const shown = lines(found.shown);
  const [, persons, age, prior] = shown;
  assert.equal(persons, "persons |  | 2 | 1 | ");
  assert.equal(
    age,
    "age | years | 30 (SD 1), median 30 [29.5 to 30.5], range 29 to 31 | 40 (SD of one value: none), median 40 [40 to 40], range 40 to 40 | not defined",
  );
  assert.equal(prior, "prior observation | days | no values | no values | not defined");
  assert.ok(shown.includes("gender | MALE | 2 (100.0 %) | 0 (0.0 %) | not defined"));
  assert.ok(shown.includes("age_group | unknown | 0 (0.0 %) | 1 (100.0 %) | not defined"));
  assert.ok(shown.includes("treated | recorded | 1 (50.0 %) | 0 (0.0 %) | 1.41"));
});

Deno.test("tableOneTables() has a column for a group of nobody, and no difference from it", () => {
  const found = tableOneTables({ ...WHOLE, cohorts: ["a", "b"] }, {
    numbers: [["0", "0", "2", "30", "1", "29", "29.5", "30", "30.5", "31"]],
    attributes: [["0", "1", "8507", "2"]],
    covariates: [],
  });
  assert.match(lines(found.shown)[2] ?? "", /\| nobody \| not defined$/);
  assert.equal(found.notes[0], "Nobody is in: b.");
});

Deno.test("prevalenceTables() says where nobody is under observation, and that nobody has the outcome", () => {
  const periods = [{ from: "2020-01-01", to: "2020-01-01" }, { from: "2021-01-01", to: "2021-03-31" }];
  const found = prevalenceTables(WHOLE, [["0", "1", "1", "3", "0"]], periods);
  assert.deepEqual(lines(found.shown).slice(1), [
    "users | 2020-01-01 | 0 | 0 | nobody under observation",
    "users | 2021-01-01 to 2021-03-31 | 3 | 0 | 0 % (0 % to 56.15 %)",
  ]);
  assert.deepEqual(found.notes, ["No person has the outcome in any period."]);
});

Deno.test("periodsOf() has calendar periods, cut at both ends of the range", () => {
  const of = (
    type: "point" | "period",
    every: "month" | "quarter" | "year" | "all",
    from: string,
    to: string,
  ) => periodsOf({ type, every }, { from, to }, 12)?.map((period) => `${period.from} ${period.to}`);
  assert.deepEqual(of("period", "quarter", "2019-11-15", "2020-05-02"), [
    "2019-11-15 2019-12-31",
    "2020-01-01 2020-03-31",
    "2020-04-01 2020-05-02",
  ]);
  assert.deepEqual(of("point", "year", "2019-11-15", "2021-01-01"), [
    "2019-11-15 2019-11-15",
    "2020-01-01 2020-01-01",
    "2021-01-01 2021-01-01",
  ]);
  assert.deepEqual(of("period", "all", "2019-11-15", "2021-01-01"), ["2019-11-15 2021-01-01"]);
  assert.equal(of("period", "month", "2019-02-01", "2020-02-01"), undefined, "thirteen are too many");
  assert.equal(of("period", "month", "2019-02-01", "2020-01-31")?.at(-1), "2020-01-01 2020-01-31");
  assert.equal(of("period", "month", "2020-02-10", "2020-02-29")?.[0], "2020-02-10 2020-02-29");
});
