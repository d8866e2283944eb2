/** How fast a query becomes a DataFrame in a sandbox, compared with the same COPY outside. */
import * as z from "zod";
import { parsedJson } from "../../src/lib/parsed_json.ts";
import { call, create } from "./calls.ts";
import { DirectCopy } from "./copy.ts";
import { Exec } from "./exec.ts";
import copyOnTheSpot from "./python/copy_on_the_spot.py" with { type: "text" };
import readRows from "./python/read_rows.py" with { type: "text" };
import type { Report } from "./report.ts";
import { type OpenSandbox, type Rig, runCell } from "./rig.ts";
import { connectBenchServer } from "./server.ts";
import { timed } from "./stats.ts";

const ROUNDS = 3;
const ROWS = 1_000_000;
const CELL_MS = 300_000;
/** Six columns, one of each common type of a CDM. */
const query = (rows: number) =>
  "SELECT i::bigint AS id, (i % 1000)::int AS concept, date '2020-01-01' + (i % 1000) AS day, " +
  "(i * 0.25)::float8 AS value, 'source ' || (i % 500) AS source, " +
  `timestamp '2020-01-01' + i * interval '1 minute' AS moment FROM generate_series(1, ${rows}) AS i`;

const series = z.array(z.number()).min(1);
const WAYS = [
  "adbc_connect",
  "psycopg_connect",
  "adbc_arrow",
  "to_pandas",
  "copy",
  "fetchall",
  "read_sql",
] as const;
const secondsSchema = z.record(z.enum(WAYS), z.number());

function omcpCell(rows: number): string {
  return `import omcp, time
start = time.perf_counter()
frame = omcp.sql(${JSON.stringify(query(rows))})
print("elapsed:", time.perf_counter() - start)
assert frame.shape == (${rows}, 6)
del frame`;
}

/**
 * Measures rows on their way to a DataFrame.
 *
 * @param rig The bench's engine and server parts.
 * @param opened A warm sandbox.
 * @param report Receives the figures.
 * @param count How many rows. @default 1,000,000
 */
export async function benchRows(
  rig: Rig,
  opened: OpenSandbox,
  report: Report,
  count?: string,
): Promise<void> {
  const rows = Number(count ?? ROWS);
  const statement = `COPY (${query(rows)}) TO STDOUT (FORMAT binary)`;
  const cell = (some: number) => `QUERY = ${JSON.stringify(query(some))}\nCOUNT = ${some}\n${readRows}`;
  const read = (some: number) => runCell(opened.sandbox, cell(some), CELL_MS);
  // The first time pays for imports.
  await read(1000);
  const direct: number[] = [];
  let bytes = 0;
  using copy = await DirectCopy.open(rig.upstream);
  await copy.drain(statement);
  // A cell of a whole server: omcp asks it what a statement may lack.
  const whole = await connectBenchServer(rig, {
    OMCP_DATABASE_URL: "sample",
    OMCP_POOL_SIZE: "0",
    OMCP_WAIT_SECONDS: "115",
  });
  await using _ = { [Symbol.asyncDispose]: () => whole.close() };
  const sandbox_id = await create(whole);
  const omcp = async (some: number): Promise<number> => {
    const text = await call(whole, "execute_python_code", { sandbox_id, code: omcpCell(some) });
    return z.coerce.number().parse(/^elapsed: ([\d.]+)$/m.exec(text)?.[1]) * 1000;
  };
  await omcp(1000);
  const omcpSql: number[] = [];
  const inside = new Map<string, number[]>(WAYS.map((name) => [name, []]));
  // In turn, so that both run under the same load.
  for (let round = 0; round < ROUNDS; round += 1) {
    direct.push(await timed(async () => bytes = await copy.drain(statement)));
    const seconds = z.string().transform(parsedJson).pipe(secondsSchema).parse(await read(rows));
    for (const name of WAYS) inside.get(name)?.push(seconds[name] * 1000);
    omcpSql.push(await omcp(rows));
  }
  const of = (name: typeof WAYS[number]) => inside.get(name) ?? [];
  const spot = "floor: the same COPY on Postgres's own socket (Python)";
  const server = "floor: the same COPY, server ← local database, no broker";
  const over = [spot, server];
  report.table(`${rows.toLocaleString("en")} rows × 6 columns`, [
    { name: spot, figures: await copyInPlace(rig, statement, ROUNDS) },
    { name: server, figures: direct, over: [spot] },
    { name: "the same COPY in a sandbox, undecoded (psycopg)", figures: of("copy"), over },
    { name: "ADBC → Arrow in a sandbox", figures: of("adbc_arrow"), over },
    {
      name: "ADBC → pandas DataFrame",
      figures: of("adbc_arrow").map((arrow, at) => arrow + (of("to_pandas")[at] ?? 0)),
      over,
    },
    { name: "psycopg fetchall → pandas DataFrame", figures: of("fetchall"), over },
    { name: "pandas.read_sql by SQLAlchemy", figures: of("read_sql"), over },
    { name: "omcp.sql", figures: omcpSql, over },
    { name: "ADBC connect (its catalog queries included)", figures: of("adbc_connect") },
    { name: "psycopg connect", figures: of("psycopg_connect") },
  ]);
  report.line(
    `  The COPY has ${
      (bytes / 1e6).toFixed(1)
    } MB. ADBC is for code that imports it: the tools and omcp use psycopg,`,
  );
  report.line("  which checks memory between rows and keeps the CDM's types (docs/implementation.md).");
}

/**
 * Runs a COPY within the database's own container, without any part of this project in between.
 *
 * @param rig The bench with the database.
 * @param statement The COPY.
 * @param rounds The number of rounds.
 * @returns The milliseconds of each round, after a first one that does not count.
 */
export async function copyInPlace(rig: Rig, statement: string, rounds: number): Promise<number[]> {
  using exec = new Exec(rig.engine);
  const command = ["python3", "-I", "-S", "-c", copyOnTheSpot, statement, String(rounds + 1)];
  const printed = await exec.run(await rig.databaseId(), command);
  return series.parse(JSON.parse(printed)).slice(1).map((seconds) => seconds * 1000);
}
