import assert from "node:assert/strict";
import { describeTable, shownTable } from "../../../src/mcp/disclosed_table.ts";
import { type DisclosedTable, PRESETS } from "../../../src/cdm/disclosure/mod.ts";
import { compileDisclosedQuery, disclosedQuerySchema } from "../../../src/omop/disclosed/mod.ts";

/** A released table: persons and mean value by unit; the unit may be null. */
function released(
  cells: readonly (readonly [unit: string | null, persons: number, sum: number, count: number])[],
): DisclosedTable {
  const query = disclosedQuerySchema("5.4").parse({
    table: "measurement",
    group_by: ["unit_concept_id"],
    aggregates: [{ fn: "avg", column: "value_as_number" }],
  });
  const options = { version: "5.4", schema: "cdm", seed: 1n, buckets: 1_024, k: 11 } as const;
  return {
    query: compileDisclosedQuery(query, options),
    cells: cells.map(([unit, persons, sum, count], at) => ({
      keys: [unit],
      persons,
      values: [sum, count],
      derived: at === 0,
    })),
    names: new Map([["9529", "kilogram"]]),
    remaining: 1_234,
    facts: { fingerprint: "", persons: null, rows: 0, withheld: 0, adjusted: 0, derived: 0 },
  };
}

Deno.test("a table is ordered by its numbers and names, nulls last as in PostgreSQL, and states what the limit left out", () => {
  const table = released([["9529", 20, 1_234, 20], [null, 40, 10, 4], ["8713", 30, 5, 0]]);
  const order = (by: string | undefined, limit = 3) =>
    shownTable(table, { order: by, limit, rules: PRESETS.cms }).rows.map(([unit]) => unit);
  assert.deepEqual(order(undefined), [9529, null, 8713]);
  assert.deepEqual(order("persons"), [9529, 8713, null]);
  assert.deepEqual(order("-persons"), [null, 8713, 9529]);
  assert.deepEqual(order("unit_concept_id"), [8713, 9529, null]);
  assert.deepEqual(order("-unit_concept_id"), [null, 9529, 8713]);
  assert.deepEqual(order("avg_value_as_number"), [null, 9529, 8713]);
  assert.equal(shownTable(table, { order: undefined, limit: 1, rules: PRESETS.cms }).left, 2);
  assert.throws(() => shownTable(table, { order: "person", limit: 3, rules: PRESETS.cms }), {
    code: "invalid_argument",
    next: /Did you mean persons/,
  });
});

Deno.test("a described table marks what was computed from earlier answers, and names the rules and the budget", () => {
  const shown = shownTable(released([["9529", 20, 1_234, 20], [null, 40, 10, 4]]), {
    order: undefined,
    limit: 1,
    rules: PRESETS.cms,
  });
  const text = describeTable(shown, {
    meaning: "number of persons of measurement",
    rules: PRESETS.cms,
    remaining: 1_234,
  });
  assert.match(text, /^Understood: number of persons of measurement\n\nunit_concept_id \| /);
  assert.match(text, /^9529 \| kilogram \| 20 \| 61\.7 ~$/m);
  assert.match(text, /^… 1 more group: raise limit$/m);
  assert.match(text, /at least 21 persons \(rules: cms\)/);
  assert.match(
    text,
    /off by up to 20 persons: .*\n~ computed from several earlier answers .*, or by all groups/,
  );
  assert.match(text, /^1,234 more numbers may be asked for/m);
});

Deno.test("a standard deviation comes from released numbers of at least 2 k values, and from nothing else", () => {
  const options = { version: "5.4", schema: "cdm", seed: 1n, buckets: 1_024, k: 11 } as const;
  const query = compileDisclosedQuery(
    disclosedQuerySchema("5.4").parse({
      table: "measurement",
      group_by: ["unit_concept_id"],
      aggregates: [{ fn: "stddev", column: "value_as_number" }],
    }),
    options,
  );
  const cell = (key: string, [sum, squares, count]: readonly [number, number, number]) => ({
    keys: [key],
    persons: count,
    values: [sum, squares, count],
    derived: false,
  });
  const table = {
    ...released([]),
    query,
    // 1 to 30, fewer than 22, and numbers of slightly different persons.
    cells: [cell("1", [465, 9_455, 30]), cell("2", [231, 3_311, 21]), cell("3", [465, 7_000, 30])],
  };
  const { rows } = shownTable(table, { order: undefined, limit: 9, rules: PRESETS.cms });
  assert.deepEqual(rows.map((row) => row.at(-1)), [8.8, null, null]);
});
