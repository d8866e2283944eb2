import assert from "node:assert/strict";
import { ConceptUsage } from "../../../../src/cdm/concepts/usage.ts";
import type { ConceptSource } from "../../../../src/cdm/concepts/source.ts";
import { OmcpError } from "../../../../src/errors.ts";
import { conceptSource } from "../../../fixtures/concept_source.ts";

const ROW = ["201826", "7", "5"] as const;

/** A database whose statements end as `outcomes` says, in order; further ones return one row. */
function source(outcomes: (OmcpError | undefined)[]): ConceptSource {
  return conceptSource(["condition_occurrence", "drug_exposure"], {
    async stream(_statement, _limits, _signal, take) {
      const outcome = outcomes.shift();
      if (outcome !== undefined) throw outcome;
      await take([...ROW]);
    },
  });
}

/** A database with rows of three columns: concepts 1 to `count`, of which each third occurs as a source concept only. */
function filled(count: number): ConceptSource {
  return conceptSource(["condition_occurrence"], {
    async stream({ sql }, _limits, _signal, take) {
      const isSource = sql.includes("source_concept_id");
      for (let id = 1; id <= count; id++) {
        if (isSource || id % 3 !== 0) await take([String(id), String(recordsOf(id)), "1"]);
      }
    },
  });
}

/** As many for two concepts of three, so that the order of equal ones shows. */
function recordsOf(id: number): number {
  return id * 7919 % 30_011 + 1;
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

Deno.test("used() orders 50,000 concepts by records, and other work gets its turn meanwhile", async () => {
  const usage = new ConceptUsage(filled(50_000));
  await usage.ready(60_000);
  const all = Array.from({ length: 50_000 }, (_, at) => at + 1);
  assert.deepEqual([usage.records(1), usage.records(3)], [usage.of(1)[0]?.records, recordsOf(3)]);
  const expected = all.map((id) => [id, usage.records(id)] as const)
    .sort(([, left], [, right]) => right - left);
  assert.deepEqual((await usage.used(100)).length, 100);
  assert.deepEqual(
    (await usage.used(Infinity)).map((id) => usage.records(id)),
    expected.map(([, records]) => records),
  );
  let turns = 0;
  const other = setInterval(() => turns++, 0);
  try {
    assert.deepEqual(await usage.byRecords(all), expected);
  } finally {
    clearInterval(other);
  }
  assert.ok(turns > 1, `${turns} turns`);
});
