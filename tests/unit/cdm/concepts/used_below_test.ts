import assert from "node:assert/strict";
import { UsedBelow } from "../../../../src/cdm/concepts/used_below.ts";
import type { ConceptSource } from "../../../../src/cdm/concepts/source.ts";
import { OmcpError } from "../../../../src/errors.ts";
import { conceptSource, idsIn } from "../../../fixtures/concept_source.ts";

const NEVER = new AbortController().signal;
/** More than one statement asks for. */
const USED = Array.from({ length: 45_000 }, (_, at) => at + 1);

/** A database in which 9 is the ancestor of every concept, and whose statement of a number fails. */
function source(failing?: number): ConceptSource {
  let statements = 0;
  return conceptSource(["concept_ancestor"], {
    async stream(statement, { rows, ms }, _signal, take) {
      // PostgreSQL takes whole milliseconds, and 0 for no limit.
      assert.ok(Number.isInteger(ms) && ms > 0, `${ms}`);
      const ids = idsIn(statement);
      for (const id of ids.slice(0, rows)) await take(["9", id]);
      if (statements++ === failing) throw new OmcpError("timeout", "The statement timed out");
      if (ids.length > rows) throw new OmcpError("database_refused", "The answer is too large");
    },
  });
}

Deno.test("the ancestors of concepts in use are read in parts, and it is known whether all have been", async () => {
  const all = new UsedBelow(source());
  assert.equal(all.of(9), undefined);
  await all.read(USED, NEVER);
  assert.deepEqual([all.of(9), all.of(8), all.complete], [USED, [], true]);
  for (
    const [part, read] of [[new UsedBelow(source(1)), 40_000], [new UsedBelow(source(), 500), 500]] as const
  ) {
    await part.read(USED, NEVER);
    assert.deepEqual([part.of(9)?.length, part.complete], [read, false]);
  }
  const none = new UsedBelow(source(), 0);
  await none.read(USED, NEVER);
  assert.deepEqual([none.of(9), none.complete], [undefined, false]);
});
