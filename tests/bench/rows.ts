/** How fast a query becomes a DataFrame in a sandbox, compared with the same COPY outside. */
import * as z from "zod";
import { DirectCopy } from "./copy.ts";
import { Exec } from "./exec.ts";
import copyOnTheSpot from "./python/copy_on_the_spot.py" with { type: "text" };
import readRows from "./python/read_rows.py" with { type: "text" };
import type { Report } from "./report.ts";
import { type OpenSandbox, type Rig, runCell } from "./rig.ts";
import { timed } from "./stats.ts";

const ROUNDS = 5;
/** 100,000 rows of six columns, one of each common type of a CDM. */
const QUERY = "SELECT i::bigint AS id, (i % 1000)::int AS concept, date '2020-01-01' + (i % 1000) AS day, " +
  "(i * 0.25)::float8 AS value, 'source ' || (i % 500) AS source, " +
  "timestamp '2020-01-01' + i * interval '1 minute' AS moment FROM generate_series(1, 100000) AS i";
const COPY = `COPY (${QUERY}) TO STDOUT (FORMAT binary)`;

const series = z.array(z.number()).min(1);
const secondsSchema = z.object({
  adbc_connect: series,
  psycopg_connect: series,
  adbc_arrow: series,
  to_pandas: series,
  copy: series,
  fetchall: series,
});

/**
 * Measures 100,000 rows.
 *
 * @param rig The bench's engine and server parts.
 * @param opened A warm sandbox.
 * @param report Receives the figures.
 */
export async function benchRows(rig: Rig, opened: OpenSandbox, report: Report): Promise<void> {
  const preamble = `QUERY = ${JSON.stringify(QUERY)}\n`;
  await runCell(opened.sandbox, `${preamble}ROUNDS = 1\n${readRows}`);
  const direct: number[] = [];
  let bytes = 0;
  using copy = await DirectCopy.open(rig.upstream);
  await copy.drain(COPY);
  const inside: Record<string, number[]> = {};
  // In turn, so that both run under the same load.
  for (let round = 0; round < ROUNDS; round += 1) {
    direct.push(await timed(async () => bytes = await copy.drain(COPY)));
    const printed = await runCell(opened.sandbox, `${preamble}ROUNDS = 1\n${readRows}`);
    for (const [name, values] of Object.entries(secondsSchema.parse(JSON.parse(printed)))) {
      (inside[name] ??= []).push(...values.map((seconds) => seconds * 1000));
    }
  }
  const onTheSpot = await copyInPlace(rig, COPY, ROUNDS);
  const spot = "floor: the same COPY on Postgres's own socket (Python)";
  const server = "floor: the same COPY, server ← local database, no broker";
  function of(name: string): number[] {
    return inside[name] ?? [];
  }
  function sum(...names: string[]): number[] {
    return of(names[0] ?? "").map((_, at) => names.reduce((total, name) => total + (of(name)[at] ?? 0), 0));
  }
  const over = [spot, server];
  report.table(`100,000 rows × 6 columns (${(bytes / 1e6).toFixed(1)} MB as COPY binary)`, [
    { name: spot, figures: onTheSpot },
    { name: server, figures: direct, over: [spot] },
    { name: "the same COPY in a sandbox, undecoded (psycopg)", figures: of("copy"), over },
    { name: "ADBC → Arrow in a sandbox", figures: of("adbc_arrow"), over },
    { name: "ADBC → pandas DataFrame in a sandbox", figures: sum("adbc_arrow", "to_pandas"), over },
    { name: "psycopg fetchall → pandas DataFrame in a sandbox", figures: of("fetchall"), over },
    { name: "ADBC connect in a sandbox (its catalog queries included)", figures: of("adbc_connect") },
    { name: "psycopg connect in a sandbox", figures: of("psycopg_connect") },
  ]);
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
