import assert from "node:assert/strict";
import { ConceptUsage } from "../../../../src/cdm/concepts/usage.ts";
import type { ConceptSource } from "../../../../src/cdm/concepts/source.ts";
import { OmcpError } from "../../../../src/errors.ts";

const ROW = ["201826", "7", "5"] as const;

/** A database whose statements end as `outcomes` says, in order; further ones return one row. */
function source(outcomes: (OmcpError | undefined)[]): ConceptSource {
  return {
    schema: "cdm",
    version: "5.4",
    relations: new Set(["condition_occurrence", "drug_exposure"]),
    async reader() {
      return await Promise.resolve({
        read: () => Promise.resolve([]),
        async stream(_statement, _limits, _signal, take) {
          const outcome = outcomes.shift();
          if (outcome !== undefined) throw outcome;
          await take([...ROW]);
        },
      });
    },
  };
}

const TIMEOUT = new OmcpError("timeout", "The statement timed out");
const AWAY = new OmcpError("database_unavailable", "The database is not reachable");

Deno.test("counting again after the database was away reports no column as failed that is counted then", async () => {
  const usage = new ConceptUsage(source([TIMEOUT, AWAY]));
  await usage.ready(60_000);
  assert.deepEqual([usage.done, usage.failed], [false, []]);
  await usage.ready(60_000);
  assert.deepEqual([usage.done, usage.failed, usage.knowsAll], [true, [], true]);
});

Deno.test("a concept without counts may have records where a column failed or few persons are hidden", async () => {
  const failed = new ConceptUsage(source([TIMEOUT]));
  await failed.ready(60_000);
  assert.deepEqual([failed.done, failed.failed.length, failed.knowsAll], [true, 1, false]);
  const hidden = new ConceptUsage(source([]), { leastPersons: 11, round: (count) => count });
  await hidden.ready(60_000);
  assert.deepEqual([hidden.done, hidden.of(201826), hidden.knowsAll], [true, [], false]);
});
