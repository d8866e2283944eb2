/** How fast one stream is, and whether the server buffers too much of a result for a slow reader. */
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { DirectCopy } from "./copy.ts";
import readStream from "./python/read_stream.py" with { type: "text" };
import type { Report } from "./report.ts";
import { type OpenSandbox, type Rig, runCell } from "./rig.ts";
import { copyInPlace } from "./rows.ts";
import { timed } from "./stats.ts";

const ROUNDS = 3;
const FAST_BYTES = 100e6;
/** Growth above this is a defect, in MB. */
const GROWTH_MB_MAX = 50;
const SLOW_DEADLINE_MS = 90_000;

const readSchema = z.object({ bytes: z.number(), seconds: z.number() });
const slowSchema = z.object({ bytes: z.number(), seconds: z.number(), before: z.number(), peak: z.number() });

/** How {@link readCell} reads. */
export interface Reading {
  /** The result's approximate size in bytes. */
  readonly bytes: number;
  /** The maximum rate; 0: no maximum. @default 0 */
  readonly megabytesASecond?: number;
  /** How long the reader pauses after the first row, in seconds. @default 0 */
  readonly stallSeconds?: number;
}

/**
 * Writes the COPY of a result of a given size, in rows of about 8 KB.
 *
 * @param bytes The size.
 */
export function copyOf(bytes: number): string {
  const rows = Math.ceil(bytes / 8019);
  return `COPY (SELECT i, repeat('0123456789abcdef', 500) AS words FROM generate_series(1, ${rows}) AS i) TO STDOUT (FORMAT binary)`;
}

/**
 * Writes the cell that reads such a result.
 *
 * @param reading How much and how fast.
 */
export function readCell({ bytes, megabytesASecond = 0, stallSeconds = 0 }: Reading): string {
  return `STATEMENT = ${JSON.stringify(copyOf(bytes))}\nMEGABYTES_A_SECOND = ${megabytesASecond}\n` +
    `STALL_SECONDS = ${stallSeconds}\n${readStream}`;
}

/**
 * Parses the output of such a cell.
 *
 * @param printed The cell's stdout.
 */
export function readResult(printed: string): { readonly bytes: number; readonly seconds: number } {
  return readSchema.parse(JSON.parse(printed));
}

/**
 * Measures throughput.
 *
 * @param rig The bench's engine and server parts.
 * @param opened A warm sandbox.
 * @param report Receives the figures.
 */
export async function benchStream(rig: Rig, opened: OpenSandbox, report: Report): Promise<void> {
  const statement = copyOf(FAST_BYTES);
  using copy = await DirectCopy.open(rig.upstream);
  await copy.drain(copyOf(FAST_BYTES / 10));
  const direct: number[] = [];
  const inside: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    let bytes = 0;
    const ms = await timed(async () => bytes = await copy.drain(statement));
    direct.push(bytes / ms / 1000);
    const read = readResult(await runCell(opened.sandbox, readCell({ bytes: FAST_BYTES })));
    inside.push(read.bytes / read.seconds / 1e6);
  }
  const spot = "floor: Postgres's own socket (Python)";
  const server = "server ← local database, no broker";
  report.table(`Throughput of one stream (${FAST_BYTES / 1e6} MB)`, [
    {
      name: spot,
      unit: "MB/s",
      figures: (await copyInPlace(rig, statement, ROUNDS)).map((ms) => FAST_BYTES / ms / 1000),
    },
    { name: server, unit: "MB/s", figures: direct, over: [spot] },
    { name: "sandbox ← guard and broker ← database", unit: "MB/s", figures: inside, over: [spot, server] },
  ]);
}

/**
 * Measures the memory of a server, in a separate process, while a slow reader reads a large result.
 *
 * @param rig The bench, whose labels the other process uses.
 * @param report Receives the figures.
 */
export async function benchMemory(rig: Rig, report: Report): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", fileURLToPath(new URL("./slow_reader.ts", import.meta.url)), rig.instance],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    signal: AbortSignal.any([rig.ending, AbortSignal.timeout(SLOW_DEADLINE_MS)]),
  });
  const { success, stdout } = await child.output();
  if (!success) throw new Error("The process with the slow reader failed");
  const { bytes, seconds, before, peak } = slowSchema.parse(JSON.parse(new TextDecoder().decode(stdout)));
  const growth = (peak - before) / 1e6;
  report.table(
    `Server's memory, ${(bytes / 1e6).toFixed(0)} MB to a slow reader (${seconds.toFixed(1)} s)`,
    [
      { name: "resident before", unit: "MB", figures: [before / 1e6] },
      { name: `growth at its peak (less than ${GROWTH_MB_MAX})`, unit: "MB", figures: [growth] },
    ],
  );
  report.defectIf(
    growth >= GROWTH_MB_MAX,
    `server buffers a whole result (it grew by ${growth.toFixed(0)} MB)`,
  );
}
