/** What a typed query costs over its own SQL in psql: on 100,000 synthetic persons, through a real MCP client and the real server. */
import { loadCdm, sampleSource } from "../../src/cdm/load/mod.ts";
import { runnableSql } from "../../src/mcp/runnable_sql.ts";
import { compileOmopQuery, type OmopQueryInput, omopQuerySchema } from "../../src/omop/query/mod.ts";
import { urlUpstream } from "../../src/postgres/mod.ts";
import { startPostgres, type TestPostgres } from "../fixtures/postgres/test_postgres.ts";
import { call, create, printedNumber } from "./calls.ts";
import type { Report } from "./report.ts";
import type { Rig } from "./rig.ts";
import { connectBenchServer } from "./server.ts";
import { interleaved, percentile, timed } from "./stats.ts";

const PERSONS = 100_000;
const ROUNDS = 7;
/** What a typed query may cost over its SQL in psql. */
const GOAL_RATIO = 1.1;
const GOAL_MS = 5;
const MAX_ROWS = 1_000_000;
const PSQL = "floor: its SQL by psql in the database's container";
const NEVER = new AbortController().signal;

/** A question of each shape. */
const QUERIES: Readonly<Record<string, OmopQueryInput>> = {
  "one number": { table: "person", aggregates: [{ fn: "count" }] },
  "counts by group": {
    table: "condition_occurrence",
    group_by: ["condition_concept_id", "person.gender_concept_id"],
    aggregates: [{ fn: "count" }, { fn: "count_persons" }],
  },
  "first of each person, by year and age": {
    table: "condition_occurrence",
    per_person: "first",
    group_by: ["year(condition_start_date)", "band(age_at(condition_start_date), 20, 40, 60, 80)"],
    aggregates: [{ fn: "count" }],
  },
  "persons with another event within 30 days": {
    table: "condition_occurrence",
    persons: { with: [{ table: "drug_exposure", window: { from: 0, to: 30 } }] },
    group_by: ["condition_concept_id"],
    aggregates: [{ fn: "count_persons" }],
  },
  "20,000 rows of 6 columns": {
    table: "measurement",
    columns: [
      "person_id",
      "measurement_concept_id",
      "measurement_date",
      "value_as_number",
      "unit_concept_id",
      "measurement_source_value",
    ],
    limit: 20_000,
  },
};

/**
 * Measures typed queries.
 *
 * @param rig The bench's engine and image.
 * @param report Takes the figures.
 * @param args The number of persons, 100,000 by default.
 */
export async function benchTypedQuery(rig: Rig, report: Report, [count]: readonly string[]): Promise<void> {
  const persons = count === undefined ? PERSONS : Number(count);
  const postgres = await startPostgres({ settings: { shared_buffers: "1GB", max_wal_size: "8GB" } });
  try {
    await loadCdm({
      source: sampleSource({ persons }),
      upstream: urlUpstream(postgres.adminUrl),
      schema: "cdm",
      reader: "omcp_reader",
      signal: NEVER,
    });
    await postgres.sql("vacuum analyze");
    await measure(rig, postgres, report, persons);
  } finally {
    await postgres.stop();
  }
}

async function measure(
  rig: Rig,
  postgres: TestPostgres,
  report: Report,
  persons: number,
): Promise<void> {
  const databaseHost = new URL(postgres.url).host;
  const server = await connectBenchServer(rig, {
    OMCP_DATABASE_URL: `${postgres.url}?sslmode=disable`,
    OMCP_DISCLOSURE: "open",
    OMCP_POOL_SIZE: "0",
    // A statement may take longer than the call would wait, on a machine with other work.
    OMCP_WAIT_SECONDS: "115",
  }, { databaseHost });
  try {
    const sandbox_id = await create(server);
    for (const [name, query] of Object.entries(QUERIES)) {
      const compiled = compileOmopQuery(omopQuerySchema("5.4").parse(query), {
        version: "5.4",
        schema: "cdm",
        maxRows: MAX_ROWS,
      });
      const sql = runnableSql(compiled.sql, compiled.parameters);
      const typed = () => timed(() => call(server, "query_omop", { sandbox_id, ...query }));
      const figures = await interleaved(ROUNDS + 1, {
        psql: () => psqlMs(postgres, sql),
        psycopg: () => printedNumber(server, sandbox_id, psycopg(sql)),
        typed,
      });
      const of = (key: string): readonly number[] => (figures.get(key) ?? []).slice(1);
      const [floor, own] = [of("psql"), of("typed")].map((series) => percentile(series, 0.5));
      const most = (floor ?? 0) * GOAL_RATIO + GOAL_MS;
      report.defectIf(
        (own ?? 0) > most,
        `${name}: ${own?.toFixed(1)} ms, above psql's ${floor?.toFixed(1)} ms + 10 % + ${GOAL_MS} ms = ${
          most.toFixed(1)
        } ms`,
      );
      const over = [PSQL];
      report.table(`${name}, ${persons.toLocaleString("en")} persons`, [
        { name: PSQL, figures: of("psql") },
        { name: "the same by psycopg in the sandbox, rows as tuples", figures: of("psycopg"), over },
        { name: "query_omop, to its answer", figures: of("typed"), over },
      ]);
    }
  } finally {
    await server.close();
  }
}

/** psql's own time for a statement, in ms: of its second run in a session, without the output. */
async function psqlMs(postgres: TestPostgres, sql: string): Promise<number> {
  const output = await postgres.psql(`\\timing on\n\\o /dev/null\n${`${sql};\n`.repeat(2)}`);
  const times = [...output.matchAll(/^Time: ([\d.]+) ms/gm)].map(([, ms]) => Number(ms));
  const last = times.at(-1);
  if (last === undefined) throw new Error(`psql printed no time: ${output.slice(0, 500)}`);
  return last;
}

/** A cell that prints how long a statement takes on a connection of its own, in ms. */
function psycopg(sql: string): string {
  return `import psycopg, time
_connection = psycopg.connect(autocommit=True)
_start = time.perf_counter()
_rows = _connection.execute(${JSON.stringify(sql)}).fetchall()
print((time.perf_counter() - _start) * 1000)
_connection.close()`;
}
