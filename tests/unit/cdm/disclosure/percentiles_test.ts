/** Percentiles from released numbers. The real ledger and PostgreSQL are asked in integration/cdm/disclosure/aggregate. */
import assert from "node:assert/strict";
import type { DisclosedTable } from "../../../../src/cdm/disclosure/disclosure.ts";
import { answerWithPercentiles } from "../../../../src/cdm/disclosure/percentiles.ts";
import { leastShown, PRESETS } from "../../../../src/cdm/disclosure/rules.ts";
import { compileDisclosedQuery, type DisclosedQuery } from "../../../../src/omop/disclosed/mod.ts";
import { randomNumbers } from "./people.ts";

const OPTIONS = { version: "5.4", schema: "cdm", seed: 7n, buckets: 1_024, k: 11 } as const;
const RULES = PRESETS.cms;

/** Answers about one value of each person, as the rules would for new questions, and counts them. */
function asker(
  all: readonly number[],
  { withholdsSums = false } = {},
): { ask: (query: DisclosedQuery) => Promise<DisclosedTable>; asked: number } {
  const state = {
    asked: 0,
    ask: (query: DisclosedQuery): Promise<DisclosedTable> => {
      state.asked += 1;
      const compiled = compileDisclosedQuery(query, OPTIONS);
      const some = all.filter((value) =>
        (query.filters ?? []).every(({ op, value: edge }) =>
          op === "<" ? value < Number(edge) : value >= Number(edge)
        )
      );
      const sum = (of: (value: number) => number) => some.reduce((total, value) => total + of(value), 0);
      const values = compiled.values.map(({ kind }) =>
        kind === "sum" ? sum((value) => value) : kind === "squares" ? sum((value) => value ** 2) : some.length
      );
      const isWithheld = withholdsSums && compiled.values.some(({ kind }) => kind === "sum");
      const cells = some.length < leastShown(RULES) || isWithheld
        ? []
        : [{ keys: [], persons: some.length, values, derived: query.filters !== undefined }];
      const [rows, withheld] = [cells.length, 1 - cells.length];
      const derived = cells.filter((cell) => cell.derived).length;
      const facts = { fingerprint: "first", persons: null, rows, withheld, adjusted: 0, derived };
      return Promise.resolve({
        query: compiled,
        cells,
        names: new Map(),
        remaining: 2_000 - state.asked,
        facts,
      });
    },
  };
  return state;
}

const query = (...aggregates: NonNullable<DisclosedQuery["aggregates"]>): DisclosedQuery => ({
  table: "measurement",
  aggregates,
  limit: 1,
});
const COLUMN = "value_as_number";
const how = (
  ask: (query: DisclosedQuery) => Promise<DisclosedTable>,
) => ({ version: "5.4", rules: RULES, ask } as const);

Deno.test("a percentile is within a bin of the true one, after a dozen questions, for even and skewed values", async () => {
  const random = randomNumbers(41);
  const normal = () => Array.from({ length: 12 }, random).reduce((a, b) => a + b, -6);
  const kinds = [
    { values: Array.from({ length: 500 }, () => 100 + 15 * normal()), bin: 2 },
    { values: Array.from({ length: 5_000 }, () => Math.exp(normal())), bin: 0.1 },
    { values: Array.from({ length: 300 }, () => -0.001 * random()), bin: 0.0001 },
    { values: Array.from({ length: 300 }, () => 7), bin: 1 },
  ];
  for (const { values, bin } of kinds) {
    const sorted = values.toSorted((a, b) => a - b);
    for (const [fn, p] of [["percentile", 0.1], ["percentile", 0.25], ["median", undefined]] as const) {
      const asker_ = asker(values);
      const table = await answerWithPercentiles(query({ fn, column: COLUMN, p }), how(asker_.ask));
      const exact = sorted[Math.floor((p ?? 0.5) * values.length)] ?? 0;
      const found = table.cells[0]?.values[0];
      assert.ok(found !== undefined && Math.abs(found - exact) <= bin, `${found} of ${exact}`);
      assert.ok(asker_.asked <= 30, `${asker_.asked} questions`);
      assert.equal(
        table.query.outputs[0]?.name,
        fn === "median" ? "median_value_as_number" : `p${(p ?? 0) * 100}_value_as_number`,
      );
    }
  }
});

Deno.test("a percentile that fewer than 2k − 1 values lie below or above is absent, and one of groups is refused", async () => {
  const values = Array.from({ length: 200 }, (_, at) => at);
  const median: NonNullable<DisclosedQuery["aggregates"]>[number] = { fn: "median", column: COLUMN };
  const of = async (...aggregates: NonNullable<DisclosedQuery["aggregates"]>) =>
    (await answerWithPercentiles(query(...aggregates), how(asker(values).ask))).cells[0]?.values;
  assert.deepEqual(await of({ ...median, fn: "percentile", p: 0.1 }), [undefined]);
  assert.notEqual((await of({ ...median, fn: "percentile", p: 0.11 }))?.[0], undefined);
  assert.equal((await of({ fn: "count" }, median))?.length, 2);
  assert.deepEqual((await answerWithPercentiles(query(median), how(asker([1, 2, 3]).ask))).cells, []);
  for (
    const wrong of [{ ...median, p: 0.5 }, { ...median, fn: "percentile" as const }, {
      fn: "median" as const,
    }]
  ) {
    await assert.rejects(of(wrong), { code: "invalid_argument" });
  }
  const grouped = { ...query(median), group_by: ["measurement_concept_id"] };
  await assert.rejects(answerWithPercentiles(grouped, how(asker(values).ask)), {
    code: "invalid_argument",
    message: "Cannot compute a percentile for each group",
  });
});

Deno.test("a percentile is absent where the mean is withheld, and where it may lie beyond the search", async () => {
  const even = Array.from({ length: 1_000 }, (_, at) => at);
  const median: NonNullable<DisclosedQuery["aggregates"]>[number] = { fn: "median", column: COLUMN };
  const withheld = asker(even, { withholdsSums: true });
  assert.deepEqual((await answerWithPercentiles(query(median), how(withheld.ask))).cells[0]?.values, [
    undefined,
  ]);
  // A twentieth has a value that stands for none, more than four standard deviations from the mean.
  const marked = asker(even.map((value) => value < 50 ? 1e6 : value));
  const high = { ...median, fn: "percentile" as const, p: 0.97 };
  const { cells: [cell] } = await answerWithPercentiles(query(high, median), how(marked.ask));
  assert.equal(cell?.values[0], undefined);
  assert.notEqual(cell?.values[1], undefined);
});

Deno.test("the facts and the mark of a percentile are also those of its questions", async () => {
  const { ask } = asker(Array.from({ length: 1_000 }, (_, at) => at));
  const { facts, cells } = await answerWithPercentiles(query({ fn: "median", column: COLUMN }), how(ask));
  assert.ok(facts.rows > 5 && facts.derived > 3 && facts.fingerprint === "first", JSON.stringify(facts));
  assert.equal(cells[0]?.derived, true);
});

Deno.test("percentiles of one column ask each of their questions once", async () => {
  const values = Array.from({ length: 1_000 }, (_, at) => at);
  const all = ([0.25, 0.5, 0.75] as const).map((p) => ({ fn: "percentile" as const, column: COLUMN, p }));
  const alone = [];
  for (const one of all) {
    const { ask } = asker(values);
    alone.push((await answerWithPercentiles(query(one), how(ask))).cells[0]?.values[0]);
  }
  const state = asker(values);
  const questions: string[] = [];
  let rows = 0;
  const { cells, remaining, facts } = await answerWithPercentiles(
    query(...all),
    how(async (question) => {
      questions.push(JSON.stringify(question));
      const table = await state.ask(question);
      rows += table.facts.rows;
      return table;
    }),
  );
  assert.deepEqual(cells[0]?.values, alone);
  assert.deepEqual(questions, [...new Set(questions)]);
  assert.equal(remaining, 2_000 - state.asked);
  assert.equal(facts.rows, rows, "the audit counts an answer once, however often it is needed");
});
