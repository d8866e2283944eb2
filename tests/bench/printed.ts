/** How fast printed text arrives, through a real MCP client over stdio, and whether the server's memory stays flat. */
import { call, create, remove } from "./calls.ts";
import { usage } from "./process_usage.ts";
import type { Report } from "./report.ts";
import type { Rig } from "./rig.ts";
import { connectBenchServer } from "./server.ts";
import { timed } from "./stats.ts";

const ROUNDS = 3;
const BYTES = 100e6;
const CODE = `import sys\nfor _ in range(1000): sys.stdout.write(("x" * 99 + "\\n") * 1000)`;
/** Growth above this is a defect, in MB. */
const GROWTH_MB_MAX = 50;

/**
 * Measures 100 MB that a cell prints.
 *
 * @param rig The bench's engine and server parts.
 * @param report Receives the figures.
 */
export async function benchPrinted(rig: Rig, report: Report): Promise<void> {
  const server = await connectBenchServer(rig, { OMCP_POOL_SIZE: "0" });
  try {
    const sandbox_id = await create(server);
    await call(server, "execute_python_code", { sandbox_id, code: "print(1)" });
    const before = await usage(server.pid);
    const rates: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const ms = await timed(() => call(server, "execute_python_code", { sandbox_id, code: CODE }));
      rates.push(BYTES / ms / 1000);
    }
    const growth = (await usage(server.pid)).peakMb - before.peakMb;
    await remove(server, sandbox_id);
    report.table("100 MB printed by a cell, through MCP over stdio (goal: 100 MB/s)", [
      { name: "printed", unit: "MB/s", figures: rates },
      {
        name: `growth of the server's peak memory (less than ${GROWTH_MB_MAX})`,
        unit: "MB",
        figures: [growth],
      },
    ]);
    report.defectIf(
      growth >= GROWTH_MB_MAX,
      `the server grew by ${growth.toFixed(0)} MB while a cell printed`,
    );
  } finally {
    await server.close();
  }
}
