/** Aggregate mode: what the rules cost beside the same typed query without them, and what a caller's ledger takes. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as z from "zod";
import { Disclosure, memoryLedgers, PRESETS } from "../../src/cdm/disclosure/mod.ts";
import { finished, People, randomNumbers } from "../unit/cdm/disclosure/people.ts";
import { Ledger } from "../../src/cdm/disclosure/ledger.ts";
import { cdmTables, createTable } from "../../src/omop/cdm/mod.ts";
import { type DisclosedQuery, disclosedQuerySchema } from "../../src/omop/disclosed/mod.ts";
import { compileOmopQuery, omopQuerySchema } from "../../src/omop/query/mod.ts";
import { testSource } from "../fixtures/cdm/test_source.ts";
import { startPostgres } from "../fixtures/postgres/test_postgres.ts";
import type { Report } from "./report.ts";
import { percentile, timed } from "./stats.ts";

const PERSONS = 100_000;
const ROUNDS = 7;
/** Numbers of a full ledger. */
const NUMBERS = 2_000;
const GOAL_RATIO = 3;
const GOAL_BYTES = 20_000_000;
const GOAL_MS = 100;
const NEVER = new AbortController().signal;
/** V8's function that collects garbage. */
const collectSchema = z.custom<() => void>((value) => typeof value === "function");
/** The time only ends what hangs: a statement takes seconds, and more beside other work. */
const LIMITS = { rows: 50_000, bytes: 32 * 1024 * 1024, ms: 240_000 };

/** The same questions in both modes. */
const QUERIES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "persons by sex": { table: "person", group_by: ["gender_concept_id"] },
  "persons and records by condition and sex": {
    table: "condition_occurrence",
    group_by: ["condition_concept_id", "person.gender_concept_id"],
    aggregates: [{ fn: "count" }],
  },
  "persons by month of a condition": {
    table: "condition_occurrence",
    filters: [{ column: "condition_concept_id", op: "=", value: 7 }],
    group_by: ["month(condition_start_date)"],
  },
};

const cdm = (persons: number) => [
  `create schema cdm; ${cdmTables("5.4").map((table) => createTable(table, "cdm")).join("; ")}`,
  `insert into cdm.person (person_id, gender_concept_id, year_of_birth, race_concept_id, ethnicity_concept_id)
    select i, 8507 + 25 * (i % 2), 1930 + i % 80, 0, 0 from generate_series(1, ${persons}) as i`,
  `insert into cdm.condition_occurrence (condition_occurrence_id, person_id, condition_concept_id, condition_start_date, condition_type_concept_id)
    select i, 1 + floor(random() * ${persons}), floor(40 ^ random()), date '2010-01-01' + floor(random() * 3650)::int, 0
    from generate_series(1, ${10 * persons}) as i`,
  `grant usage on schema cdm to omcp_reader; grant select on all tables in schema cdm to omcp_reader; analyze`,
];

/**
 * Measures aggregate mode.
 *
 * @param report Takes the figures.
 * @param args The number of persons. @default 100,000
 */
export async function benchDisclosure(report: Report, [count]: readonly string[]): Promise<void> {
  await benchQueries(report, Number(count ?? PERSONS));
  benchLedger(report);
}

async function benchQueries(report: Report, persons: number): Promise<void> {
  const postgres = await startPostgres({ settings: { shared_buffers: "512MB", work_mem: "64MB" } });
  const { source, database } = testSource(postgres);
  const how = { ms: LIMITS.ms, signal: NEVER };
  try {
    for (const sql of cdm(persons)) await postgres.sql(sql);
    const rows = [];
    for (const [name, query] of Object.entries(QUERIES)) {
      const open = omopQuerySchema("5.4").parse({
        ...query,
        aggregates: [
          { fn: "count_persons" },
          ...(Array.isArray(query["aggregates"]) ? query["aggregates"] : []),
        ],
      });
      const { sql, parameters } = compileOmopQuery(open, {
        version: "5.4",
        schema: "cdm",
        maxRows: LIMITS.rows,
      });
      const reader = await database.reader(NEVER);
      const asked: DisclosedQuery = disclosedQuerySchema("5.4").parse(query);
      const times = { open: [] as number[], aggregate: [] as number[] };
      for (let round = 0; round < ROUNDS; round += 1) {
        times.open.push(
          await timed(() => reader.read({ sql, parameters: parameters.map(String) }, LIMITS, NEVER)),
        );
        // A ledger of its own each time: a repeated question is answered from the ledger.
        const disclosure = new Disclosure(source, PRESETS.cms, memoryLedgers());
        await disclosure.remaining("bench", how);
        times.aggregate.push(await timed(() => disclosure.answer("bench", asked, how)));
      }
      const ratio = percentile(times.aggregate, 0.5) / percentile(times.open, 0.5);
      report.defectIf(
        ratio > GOAL_RATIO,
        `${name}: aggregate takes ${ratio.toFixed(1)} times as long as open`,
      );
      rows.push({ name: `${name}, open`, figures: times.open }, {
        name: `${name}, aggregate`,
        figures: times.aggregate,
        over: [`${name}, open`],
      });
    }
    report.table(`Typed queries on ${persons.toLocaleString("en")} persons`, rows);
  } finally {
    await database.close();
    await postgres.stop();
  }
}

/** Of random sets, none of which can be derived from others: the longest search each time. */
function benchLedger(report: Report): void {
  const random = randomNumbers(7);
  const people = new People(20_000, random);
  const ledger = new Ledger(PRESETS.cms, people.count(() => true), random);
  const before = heldBytes();
  const times: number[] = [];
  for (let at = 0; at < NUMBERS; at += 1) {
    const part = random() ** 3;
    const set = people.count(() => random() < part);
    const start = performance.now();
    finished(ledger.decide(set));
    times.push(performance.now() - start);
  }
  const bytes = heldBytes() - before;
  const part = (from: number, to: number) => times.slice(from, to);
  report.table("A decision about one number, by the numbers before it", [
    { name: "1 to 100", figures: part(0, 100) },
    { name: "100 to 320", figures: part(100, 320) },
    { name: "320 to 600, without the linear decoder", figures: part(320, 600) },
    { name: "600 to 2,000, pairs only", figures: part(600, NUMBERS) },
    { name: "a full ledger in memory", figures: [bytes / 1e6], unit: "MB" },
  ]);
  const p95 = percentile(times, 0.95);
  // The ledger is used after its memory was measured: until then nothing of it is garbage.
  report.line(`  p95 of a decision: ${p95.toFixed(1)} ms; numbers that remain: ${ledger.remaining}`);
  report.defectIf(p95 > GOAL_MS, `p95 of a decision is ${p95.toFixed(0)} ms`);
  report.defectIf(bytes > GOAL_BYTES, `a full ledger takes ${Math.round(bytes / 1e6)} MB`);
}

/** What typed arrays and objects hold, after garbage was collected. */
function heldBytes(): number {
  setFlagsFromString("--expose-gc");
  collectSchema.parse(runInNewContext("gc"))();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}
