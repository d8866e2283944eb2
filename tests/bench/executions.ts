/** Whether many cells in one sandbox leave memory: in the server's store of executions, and in the sandbox. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Report } from "./report.ts";
import { type OpenSandbox, type Rig, runCell } from "./rig.ts";

const CELLS = 100_000;
const SAMPLES = 5;
/** The store is full, and what Python and V8 load late is loaded. */
const WARM_UP_CELLS = 5000;
const MIB = 1024 * 1024;
/** More than this between the first and the last sample is a defect. */
const GROWTH_BYTES = 16 * MIB;
const RSS = "print(next(line for line in open('/proc/self/status') if line.startswith('VmRSS')).split()[1])";

/**
 * Runs many cells as executions.
 *
 * @param rig The bench's engine and server parts.
 * @param report Receives the figures.
 * @param cells How many. @default {100000}
 */
export async function benchExecutions(rig: Rig, report: Report, cells = CELLS): Promise<void> {
  const opened = await rig.openSandbox();
  const collect = garbageCollector();
  async function sample(): Promise<{ readonly server: number; readonly kernel: number }> {
    collect();
    const kernel = Number(await runCell(opened.sandbox, RSS)) * 1024;
    return { server: Deno.memoryUsage().heapUsed, kernel };
  }
  await run(opened, WARM_UP_CELLS, 0);
  const samples = [await sample()];
  const part = Math.ceil(cells / SAMPLES);
  for (let n = 0; n < SAMPLES; n += 1) {
    await run(opened, part, WARM_UP_CELLS + n * part);
    samples.push(await sample());
  }
  await opened.sandbox.remove("removed", "the bench has measured it");
  const growth = (name: "server" | "kernel") => (samples.at(-1)?.[name] ?? 0) - (samples[0]?.[name] ?? 0);
  report.table(`Memory over ${part * SAMPLES} cells of one sandbox`, [
    { name: "the server's heap", figures: samples.map(({ server }) => server / MIB), unit: "MB" },
    { name: "  of which growth", figures: [growth("server") / MIB], unit: "MB" },
    { name: "the kernel's resident memory", figures: samples.map(({ kernel }) => kernel / MIB), unit: "MB" },
    { name: "  of which growth", figures: [growth("kernel") / MIB], unit: "MB" },
  ]);
  for (const name of ["server", "kernel"] as const) {
    report.defectIf(
      growth(name) > GROWTH_BYTES,
      `${part * SAMPLES} cells let the ${name} grow by ${(growth(name) / MIB).toFixed(1)} MiB`,
    );
  }
}

async function run({ sandbox }: OpenSandbox, count: number, first: number): Promise<void> {
  for (let n = first; n < first + count; n += 1) {
    const execution = sandbox.executions.start({
      owner: "bench",
      tool: "bench",
      source: `print(${n})`,
      timeoutMs: 60_000,
      usesKernel: true,
      work: async (run) => ({
        kind: "cell",
        outcome: await sandbox.execute(`print(${n})`, {
          timeoutMs: 60_000,
          outputBytes: 1024,
          signal: run.signal,
          log: run.log,
          onStarted: () => run.started(),
        }),
      }),
    });
    await execution.settled;
    if (execution.state !== "ok") throw new Error(`Cell ${n} ended as ${execution.state}`);
  }
}

/** V8's collector, which a program has only by this detour. */
function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  return () => {
    if (typeof collect === "function") collect();
  };
}
