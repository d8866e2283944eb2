/** Creations and cells beside many live sandboxes, and what an idle server and its sandboxes use. */
import { setTimeout as delay } from "node:timers/promises";
import type { ConnectedServer } from "../../src/cli/demo/client.ts";
import { cell, create, printedNumber, remove } from "./calls.ts";
import { availableMb, isIdle, usage } from "./process_usage.ts";
import type { Report, Row } from "./report.ts";
import type { Rig } from "./rig.ts";
import { connectBenchServer } from "./server.ts";
import { percentile, repeated, timed } from "./stats.ts";

const COUNTS = [1, 50, 200];
const CREATIONS = 7;
const CELLS = 100;
/** What a sandbox (118, as its limit counts it) and the engine's process for it (5) need, and what others on the machine keep, MB. */
const SANDBOX_MB = 125;
const KEPT_MB = 2000;
const IDLE_MS = 10_000;
/** Of the container, in either version of control groups, MB. */
const MEMORY = `import os
paths = ["/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes"]
print(int(open(next(filter(os.path.exists, paths))).read()) / 1e6)`;

/**
 * Measures with as many of {@link COUNTS} as the machine's memory allows.
 *
 * @param rig The bench's engine and server parts.
 * @param report Receives the figures.
 * @param most The most live sandboxes. @default what fits
 */
export async function benchLive(rig: Rig, report: Report, most?: string): Promise<void> {
  const fit = Math.floor((await availableMb() - KEPT_MB) / SANDBOX_MB);
  const limit = Math.max(1, Math.min(fit, Number(most ?? COUNTS.at(-1))));
  const server = await connectBenchServer(rig, {
    OMCP_POOL_SIZE: "0",
    OMCP_MAX_SANDBOXES: String(limit + 2),
    // The server allows as much for all as they could take together.
    OMCP_MEMORY_MIB: "640",
    OMCP_WORKSPACE_MIB: "64",
  });
  const live: string[] = [];
  const rows: Row[] = [];
  try {
    for (const count of new Set(COUNTS.map((wanted) => Math.min(wanted, limit)))) {
      while (live.length < count) live.push(await create(server));
      if (!await isIdle()) report.line("  The machine does other work beside the live sandboxes.");
      // The largest number has the same name on every machine.
      rows.push(...await beside(server, live, count === limit && count > 1 ? "most" : String(count)));
    }
    const before = await usage(server.pid);
    await delay(IDLE_MS);
    const after = await usage(server.pid);
    const memory = [];
    for (const sandbox_id of live.slice(0, 20)) {
      memory.push(await printedNumber(server, sandbox_id, MEMORY));
    }
    report.table("Beside live sandboxes, through MCP over stdio", [
      { name: "live sandboxes that fit", unit: "live", figures: [live.length] },
      ...rows,
      {
        name: "idle server with the most: processor time",
        unit: "ms/s",
        figures: [(after.cpuMs - before.cpuMs) * 1000 / IDLE_MS],
      },
      { name: "  its resident memory", unit: "MB", figures: [after.residentMb] },
      { name: "memory of a sandbox, as its limit counts it", unit: "MB", figures: memory },
    ]);
  } finally {
    await server.close();
  }
}

async function beside(server: ConnectedServer, live: readonly string[], label: string): Promise<Row[]> {
  const creations: number[] = [];
  for (let round = 0; round < CREATIONS; round += 1) {
    let created = "";
    creations.push(await timed(async () => created = await create(server)));
    await remove(server, created);
    // Its removal, too, takes the engine's time.
    await delay(500);
  }
  const [first = ""] = live;
  const cells = await repeated(CELLS, () => cell(server, first));
  const base = (what: string) => (live.length === 1 ? {} : { over: [`${what}, 1 live`] });
  return [
    { name: `cold create, ${label} live`, figures: creations, ...base("cold create") },
    { name: `cell, ${label} live`, figures: cells, ...base("cell") },
    { name: `  p99 of the cell, ${label} live`, figures: [percentile(cells, 0.99)] },
  ];
}
