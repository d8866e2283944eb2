import assert from "node:assert/strict";
import * as z from "zod";
import { lenientInput } from "../../../src/mcp/lenient_input.ts";
import { cohortArguments } from "../../../src/omop/cohorts/schema.ts";
import { analysisSchema } from "../../../src/omop/analyses/mod.ts";
import { conceptSetSchema } from "../../../src/omop/concepts/mod.ts";
import { omopQuerySchema } from "../../../src/omop/query/mod.ts";
import { filterSchema } from "../../../src/omop/query/schema.ts";

/** Arguments as a model writes them, and their meaning. */
const CONVERTED: readonly [Record<string, unknown>, Record<string, unknown>][] = [
  [{ limit: null, columns: null, filters: null, into: null }, {}],
  [{ limit: "50", concept_name: "True" }, { limit: 50, concept_name: true }],
  [{ table: "PERSON" }, {}],
  [{ columns: "person_id", group_by: "person_id", order_by: "-n" }, {
    columns: ["person_id"],
    group_by: ["person_id"],
    order_by: ["-n"],
  }],
  [{ columns: '["person_id", "year_of_birth"]' }, { columns: ["person_id", "year_of_birth"] }],
  [{ aggregates: { fn: "COUNT", column: null, distinct: "false" } }, {
    aggregates: [{ fn: "count", column: undefined, distinct: false }],
  }],
  [{ order_by: { column: "N", direction: "DESC" } }, { order_by: [{ column: "n", direction: "desc" }] }],
  [{ filters: { column: "person_id", op: "IS NULL", value: null } }, {
    filters: [{ column: "person_id", op: "is null", value: undefined }],
  }],
  [{ persons: { with: { table: "DEATH", at_least: "2" } } }, {
    persons: { with: [{ table: "death", at_least: 2 }] },
  }],
  [{ filters: [{ column: "person_id", op: "=", value: "true" }] }, {
    filters: [{ column: "person_id", op: "=", value: "true" }],
  }],
];

for (const [written, meant] of CONVERTED) {
  Deno.test(`lenientInput() converts ${JSON.stringify(written)}`, () => {
    const schema = omopQuerySchema("5.4");
    assert.deepEqual(schema.parse(lenientInput(schema, { table: "person", ...written })), {
      table: "person",
      limit: 10_000,
      into: "omop_df",
      ...Object.fromEntries(
        Object.keys(written).filter((name) => written[name] === null && !["limit", "into"].includes(name))
          .map((name) => [name, undefined]),
      ),
      ...meant,
    });
  });
}

Deno.test("lenientInput() takes a concept set as an object and as a list, and null for an argument with defaults", () => {
  const items = [{ concept_id: 1 }];
  const list = z.strictObject({ concepts: conceptSetSchema.shape.items });
  for (const concepts of [items, { items }]) {
    assert.deepEqual(list.parse(lenientInput(list, { concepts })), { concepts: items });
  }
  const set = z.strictObject({ set: conceptSetSchema });
  assert.deepEqual(set.parse(lenientInput(set, { set: { items } })), { set: { items } });
  const analysis = { analysis: "survival", time_at_risk: null, strata: null };
  assert.deepEqual(
    analysisSchema.parse(lenientInput(analysisSchema, analysis)),
    analysisSchema.parse({ analysis: "survival" }),
  );
});

Deno.test("lenientInput() takes a concept set in the form of another tool", () => {
  const set = [{ concept_id: 1, include_descendants: true }];
  const argument = z.strictObject({ items: conceptSetSchema.shape.items });
  for (
    const given of [{ items: set }, { concepts: set }, { concepts: { items: set } }, {
      concept_set: { items: set },
    }]
  ) {
    assert.deepEqual(argument.parse(lenientInput(argument, given)), { items: set });
  }
  for (const given of [{ concepts: set }, { items: set }, { items: { items: set } }]) {
    const definition = { entry: [{ table: "condition_occurrence", ...given }] };
    const expected = { table: "condition_occurrence", concepts: set };
    assert.deepEqual(cohortArguments.parse(lenientInput(cohortArguments, definition)).entry, [expected]);
  }
  for (const value of [set, { items: set }, { concepts: set }]) {
    const filter = { column: "condition_concept_id", op: "in_concept_set", value };
    assert.deepEqual(filterSchema.parse(lenientInput(filterSchema, filter)), {
      ...filter,
      value: { items: set },
    });
  }
  // Both at once: which is meant is not clear.
  const both = { items: set, concepts: set };
  assert.equal(argument.safeParse(lenientInput(argument, both)).success, false);
});

Deno.test("lenientInput() does not change ambiguous values", () => {
  const schema = z.strictObject({
    n: z.number().optional(),
    b: z.boolean().optional(),
    s: z.string().optional(),
  });
  for (const n of ["", " ", "1e309", "Infinity", "NaN", "0x10", "1,5", "12abc", true, [1]]) {
    assert.equal(schema.safeParse(lenientInput(schema, { n })).success, false, String(n));
  }
  for (const b of ["yes", "1", "", 1, 0]) {
    assert.equal(schema.safeParse(lenientInput(schema, { b })).success, false, String(b));
  }
  for (const s of [5, true, ["a"]]) {
    assert.equal(schema.safeParse(lenientInput(schema, { s })).success, false, String(s));
  }
  for (const input of [null, "x", 5, []]) assert.deepEqual(lenientInput(schema, input), input);
});
