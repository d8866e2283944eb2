/** Whether many cells in one sandbox cost memory that does not come back: of the server, the agent and the kernel. */
import { RawClient } from "../fixtures/mcp/raw_client.ts";
import type { Report } from "./report.ts";
import { summarize } from "./stats.ts";

/** A run with 100,000 takes a quarter of an hour. */
const CELLS = 20_000;
/** After this part, all bounded stores are full: history, executions, copies of output. */
const WARM_PART = 0.2;
const SAMPLES = 50;
/** Growth above this from the warm part to the end is a defect, in MB. */
const GROWTH_MB_MAX = 32;
const MB = 1e6;

/** Cells of every kind that leaves something behind for a while. */
const KINDS: readonly ((n: number) => string)[] = [
  (n) => `x = ${n}\nx + 1`,
  (n) => `def f(a):\n    return a * ${n}\nf(2)`,
  (n) => `print('cell', ${n})`,
  (n) => `raise ValueError('number ${n}')`,
  (n) => `print('x' * ${1000 + n % 5000})`,
  (n) => `open('file', 'w').write('${n}')`,
  () => "import pandas; pandas.DataFrame({'a': range(100)})",
  () => "import asyncio; await asyncio.sleep(0)",
];

/** The memory of one moment, in bytes. */
interface Memory {
  readonly server: number;
  readonly agent: number;
  readonly kernel: number;
}

/**
 * Runs many cells, one after the other, through a server of its own.
 *
 * @param report Where the figures go.
 * @param names How many cells, as text. @default ["20000"]
 */
export async function benchManyCells(report: Report, [count]: readonly string[]): Promise<void> {
  const cells = Number(count ?? CELLS);
  const client = await RawClient.start({ OMCP_DATABASE_URL: "none" });
  try {
    const sandbox = await client.create();
    const warm = Math.floor(cells * WARM_PART);
    const each = Math.max(1, Math.floor((cells - warm) / SAMPLES));
    const seen: Memory[] = [];
    const start = performance.now();
    for (let n = 0; n < cells; n += 1) {
      await client.run(sandbox, KINDS[n % KINDS.length]?.(n) ?? "");
      client.notifications.length = 0;
      if (n >= warm && (n - warm) % each === 0) seen.push(await memoryNow(client, sandbox));
    }
    const elapsed = performance.now() - start;
    report.line(`\n${cells} cells in one sandbox: ${(cells / elapsed * 1000).toFixed(0)} a second`);
    const parts = ["server", "agent", "kernel"] as const;
    report.table(
      "Memory",
      parts.map((name) => ({ name, unit: "MB", figures: seen.map((each) => each[name] / MB) })),
    );
    for (const name of parts) {
      // Medians of the first and of the last fifth: a single figure depends on when garbage was collected.
      const fifth = Math.ceil(seen.length / 5);
      const [first, last] = [seen.slice(0, fifth), seen.slice(-fifth)].map((some) =>
        summarize(some.map((each) => each[name] / MB)).median
      );
      const growth = (last ?? 0) - (first ?? 0);
      report.line(`  ${name}: ${growth.toFixed(1)} MB more at the end than at the beginning`);
      report.defectIf(growth > GROWTH_MB_MAX, `${cells} cells: the ${name} grew by ${growth.toFixed(1)} MB`);
    }
  } finally {
    await client.end();
  }
}

const READ_MEMORY = `
import gc; gc.collect()
for pid in (1, "self"):
    with open(f"/proc/{pid}/status") as file: print(next(line for line in file if line.startswith("VmRSS")))
`;

async function memoryNow(client: RawClient, sandbox: string): Promise<Memory> {
  const { text } = await client.run(sandbox, READ_MEMORY);
  const [agent, kernel] = [...text.matchAll(/VmRSS:\s+(\d+) kB/g)].map((found) => Number(found[1]) * 1024);
  if (agent === undefined || kernel === undefined) throw new Error(`Cannot read the memory: ${text}`);
  return { server: client.memory(), agent, kernel };
}
