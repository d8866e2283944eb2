/** How fast printed text arrives, through a real MCP client over stdio, and whether the server's memory stays flat. */
import { call, create, remove } from "./calls.ts";
import { inBareContainer } from "./create.ts";
import { usage } from "./process_usage.ts";
import type { Report } from "./report.ts";
import type { Rig } from "./rig.ts";
import { connectBenchServer } from "./server.ts";
import { timed } from "./stats.ts";

const ROUNDS = 3;
const BYTES = 100e6;
/** Of what the floor has printed when its clock starts: Python has started then. */
const BEFORE_BYTES = 1e6;
const CODE = `import sys\nfor _ in range(1000): sys.stdout.write(("x" * 99 + "\\n") * 1000)`;
const FLOOR = "floor: by Python in a bare container, received over the engine's socket";
/** Growth above this is a defect, in MB. */
const GROWTH_MB_MAX = 50;

/**
 * Measures 100 MB that a cell prints.
 *
 * @param rig The bench's engine and server parts.
 * @param report Receives the figures.
 */
export async function benchPrinted(rig: Rig, report: Report): Promise<void> {
  await rig.prepareSpec();
  const server = await connectBenchServer(rig, { OMCP_POOL_SIZE: "0" });
  try {
    const sandbox_id = await create(server);
    await call(server, "execute_python_code", { sandbox_id, code: "print(1)" });
    const before = await usage(server.pid);
    const rates: number[] = [];
    const floors: number[] = [];
    let text = "";
    for (let round = 0; round < ROUNDS; round += 1) {
      floors.push(await bareRate(rig));
      const ms = await timed(async () => {
        text = await call(server, "execute_python_code", { sandbox_id, code: CODE });
      });
      rates.push(BYTES / ms / 1000);
    }
    const growth = (await usage(server.pid)).peakMb - before.peakMb;
    await remove(server, sandbox_id);
    report.table("100 MB printed, through MCP over stdio", [
      { name: FLOOR, unit: "MB/s", figures: floors },
      { name: "printed by a cell", unit: "MB/s", figures: rates, over: [FLOOR] },
      { name: "kept of it in a file of the sandbox", unit: "MB", figures: [keptMb(text)] },
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

/** How much of what was printed the file has that the result names. */
function keptMb(result: string): number {
  const extent = /read_file with path \S+ returns (?:its first ([\d.]+) MiB|all of it)/.exec(result);
  if (extent === null) throw new Error(`The result names no file: ${result.slice(-500)}`);
  return extent[1] === undefined ? BYTES / 1e6 : Number(extent[1]) * 1.048576;
}

async function bareRate(rig: Rig): Promise<number> {
  return await inBareContainer(rig, `${CODE}\nsys.stdin.read()`, async (reader) => {
    let bytes = 0;
    let start = 0;
    let counted = 0;
    while (bytes < BYTES) {
      const { done, value } = await reader.read();
      if (done) throw new Error("The floor's container ended early");
      bytes += value.length;
      if (start > 0) counted += value.length;
      else if (bytes >= BEFORE_BYTES) start = performance.now();
    }
    return counted / (performance.now() - start) / 1000;
  });
}
