import assert from "node:assert/strict";
import {
  atlasSchema,
  conceptSetHash,
  conceptSetMembers,
  conceptSetSchema,
  fromAtlas,
  namedConcepts,
  toAtlas,
} from "../../../../src/omop/concepts/mod.ts";
import { statement } from "../../../../src/omop/sql_compiler.ts";

const SET = conceptSetSchema.parse({
  items: [
    { concept_id: 1, include_descendants: true },
    { concept_id: 2, include_mapped: true },
    { concept_id: 3, include_descendants: true, exclude: true },
  ],
});

Deno.test("the hash of a concept set does not depend on order, repetition or spelled-out defaults", () => {
  const [first, second, third] = SET.items;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  const same = { items: [third, second, { ...first, exclude: false }, second] };
  assert.equal(conceptSetHash(same), conceptSetHash(SET));
  assert.match(conceptSetHash(SET), /^[0-9a-f]{16}$/);
});

Deno.test("the hash of a concept set depends on each flag of each item", () => {
  const [first, ...rest] = SET.items;
  assert.ok(first !== undefined);
  const flags = ["include_descendants", "include_mapped", "exclude"] as const;
  const others = flags.map((flag) => ({ items: [{ ...first, [flag]: first[flag] !== true }, ...rest] }));
  const hashes = new Set([SET, ...others].map(conceptSetHash));
  assert.equal(hashes.size, 4);
});

Deno.test("a concept set compiles to one SELECT whose ids are parameters", () => {
  const { sql, parameters } = statement(conceptSetMembers(SET, "cdm"));
  assert.deepEqual(parameters, ["{1,2}", "{1}", "{2}", "{3}", "{3}"]);
  assert.match(sql, /^\(select .* union .* except \(select /s);
  assert.equal(sql.match(/"cdm"\."concept_ancestor"/g)?.length, 2);
});

Deno.test("a concept set without flags reads nothing but concept", () => {
  const { sql } = statement(conceptSetMembers({ items: [{ concept_id: 1 }] }, "cdm"));
  assert.equal(
    sql,
    'select c.concept_id from "cdm"."concept" as c where c.concept_id = any(cast($1 as bigint[]))',
  );
});

Deno.test("a concept set that goes to ATLAS's JSON and back is the same", () => {
  assert.deepEqual(fromAtlas(atlasSchema.parse(toAtlas(SET, new Map()))), SET);
  assert.deepEqual(
    fromAtlas(atlasSchema.parse({ id: 0, name: "x", expression: toAtlas(SET, new Map()) })),
    SET,
  );
});

Deno.test("ATLAS's JSON names what is known of a concept", () => {
  const concept = {
    concept_id: 1,
    concept_name: "one",
    domain_id: "Condition",
    vocabulary_id: "SNOMED",
    concept_class_id: "Disorder",
    standard_concept: null,
    concept_code: "1",
    invalid_reason: "D",
  };
  assert.deepEqual(toAtlas({ items: [{ concept_id: 1 }] }, new Map([[1, concept]])), {
    items: [{
      concept: {
        CONCEPT_ID: 1,
        CONCEPT_NAME: "one",
        STANDARD_CONCEPT: "N",
        STANDARD_CONCEPT_CAPTION: "Non-Standard",
        INVALID_REASON: "D",
        INVALID_REASON_CAPTION: "Invalid",
        CONCEPT_CODE: "1",
        DOMAIN_ID: "Condition",
        VOCABULARY_ID: "SNOMED",
        CONCEPT_CLASS_ID: "Disorder",
      },
      isExcluded: false,
      includeDescendants: false,
      includeMapped: false,
    }],
  });
});

Deno.test("the concepts that a set names are each listed once", () => {
  assert.deepEqual(namedConcepts({ items: [...SET.items, ...SET.items] }), [1, 2, 3]);
});
