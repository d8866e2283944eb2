import assert from "node:assert/strict";
import { conceptMap, mappings } from "../../../../src/cdm/concepts/known.ts";
import { Newest } from "../../../../src/cdm/concepts/kept_rows.ts";
import type { ConceptSource } from "../../../../src/cdm/concepts/source.ts";
import { conceptSource, idsIn } from "../../../fixtures/concept_source.ts";

const NEVER = new AbortController().signal;

/** A database of concepts that are not standard and map to nothing. */
function source(
  has: readonly string[] = ["7"],
): { readonly source: ConceptSource; readonly statements: string[] } {
  const statements: string[] = [];
  return {
    statements,
    source: conceptSource(["concept"], {
      read: (statement) => {
        const { sql } = statement;
        statements.push(sql);
        const asked = idsIn(statement);
        const rows = has.filter((id) => asked.includes(id))
          .map((id) => [id, "Old", "Drug", "RxNorm", "Ingredient", null, id, null]);
        return Promise.resolve(sql.includes("concept_relationship") ? [] : rows);
      },
    }),
  };
}

Deno.test("a concept and its mappings are read once for a database; one that it lacks, each time", async () => {
  const { source: one, statements } = source();
  const first = await conceptMap(one, [7], NEVER);
  assert.deepEqual(await conceptMap(one, [7], NEVER), first);
  assert.equal(statements.length, 1);
  const concepts = [...first.values()];
  assert.equal((await mappings(one, concepts, NEVER)).size, 0);
  assert.equal((await mappings(one, concepts, NEVER)).size, 0);
  assert.equal(statements.length, 2);
  await conceptMap(one, [7, 8], NEVER);
  await conceptMap(one, [7, 8], NEVER);
  assert.equal(statements.length, 4);
  const { source: other, statements: others } = source();
  await conceptMap(other, [7], NEVER);
  assert.equal(others.length, 1);
});

Deno.test("concepts are in the order of their ids, whichever of them somebody has asked for before", async () => {
  const { source: one } = source(["7", "8", "9"]);
  await conceptMap(one, [9], NEVER);
  assert.deepEqual([...(await conceptMap(one, [8, 6, 9, 7], NEVER)).keys()], [8, 9, 7]);
});

Deno.test("what is kept is bounded: the oldest goes", () => {
  const newest = new Newest<string>(2);
  for (const id of [1, 2, 3, 3]) newest.add(id, `${id}`);
  assert.deepEqual([1, 2, 3].map((id) => newest.get(id)), [undefined, "2", "3"]);
});
