import assert from "node:assert/strict";
import { conceptMap, mappings } from "../../../../src/cdm/concepts/known.ts";
import { Newest } from "../../../../src/cdm/concepts/kept_rows.ts";
import type { ConceptSource } from "../../../../src/cdm/concepts/source.ts";

const NEVER = new AbortController().signal;

/** A database of one concept that is not standard and maps to nothing. */
function source(): { readonly source: ConceptSource; readonly statements: string[] } {
  const statements: string[] = [];
  return {
    statements,
    source: {
      schema: "cdm",
      version: "5.4",
      relations: new Set(["concept"]),
      reader: () =>
        Promise.resolve({
          read: ({ sql }) => {
            statements.push(sql);
            const row = ["7", "Old", "Drug", "RxNorm", "Ingredient", null, "7", null];
            return Promise.resolve(sql.includes("concept_relationship") ? [] : [row]);
          },
          stream: () => Promise.resolve(),
        }),
    },
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

Deno.test("what is kept is bounded: the oldest goes", () => {
  const newest = new Newest<string>(2);
  for (const id of [1, 2, 3, 3]) newest.add(id, `${id}`);
  assert.deepEqual([1, 2, 3].map((id) => newest.get(id)), [undefined, "2", "3"]);
});
