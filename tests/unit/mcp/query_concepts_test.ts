import assert from "node:assert/strict";
import type { NamedConcepts } from "../../../src/cdm/concepts/mod.ts";
import { comparedNotes, queryConcepts } from "../../../src/mcp/query_concepts.ts";

Deno.test("comparedNotes() looks a column up once, with all concepts that it is compared with", async () => {
  const asked: NamedConcepts[] = [];
  const concepts = {
    conceptNotes: (query: NamedConcepts) => {
      asked.push(query);
      return Promise.resolve([`note on ${query.column.column}`, "the same for all"]);
    },
  };
  const condition = { table: "condition_occurrence", column: "condition_concept_id", descendants: false };
  const notes = await comparedNotes(
    concepts,
    [
      { ...condition, ids: [1, 2] },
      { table: "person", column: "gender_concept_id", descendants: false, ids: [8507] },
      { ...condition, ids: [3] },
      { ...condition, descendants: true, ids: [4] },
    ],
    new AbortController().signal,
  );
  assert.deepEqual(asked.map(({ ids, descendants }) => [ids, descendants]), [
    [[1, 2, 3], false],
    [[8507], false],
    [[4], true],
  ]);
  assert.deepEqual(notes, [
    "note on condition_concept_id",
    "the same for all",
    "note on gender_concept_id",
  ]);
});

Deno.test("queryConcepts() explains a result without rows by the concepts that are wanted, and checks the others, too", async () => {
  const asked: NamedConcepts[] = [];
  const concepts = {
    conceptNotes: (query: NamedConcepts) => {
      asked.push(query);
      return Promise.resolve([]);
    },
  };
  const value = { items: [{ concept_id: 1 }, { concept_id: 2, exclude: true }] };
  const query = {
    filters: [
      { column: "condition_concept_id", op: "in_concept_set", value },
      { not: [{ column: "condition_type_concept_id", op: "=", value: 3 }] },
    ],
  };
  const checked = { query, table: "condition_occurrence", version: "5.4", empty: true } as const;
  await queryConcepts(concepts, checked, new AbortController().signal);
  assert.deepEqual(asked.map(({ ids, empty }) => [ids, empty]), [[[1], true], [[2], false], [[3], false]]);
});

Deno.test("comparedNotes() leaves sessions to other calls, however many columns a query compares", async () => {
  let [running, most] = [0, 0];
  const concepts = {
    conceptNotes: async (query: NamedConcepts) => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      return [query.column.column];
    },
  };
  const columns = Array.from({ length: 20 }, (_, at) => `column_${at}_concept_id`);
  const compared = columns.map((column) => ({ table: "measurement", column, descendants: false, ids: [1] }));
  assert.deepEqual(await comparedNotes(concepts, compared, new AbortController().signal), columns);
  assert.equal(most, 2);
});
