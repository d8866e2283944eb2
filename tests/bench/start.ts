/** How long a server takes from its command to its answer to `initialize`. */
import type { Report } from "./report.ts";
import type { Rig } from "./rig.ts";
import { connectBenchServer } from "./server.ts";
import { timed } from "./stats.ts";

const ROUNDS = 7;

/**
 * Measures starts.
 *
 * @param rig The bench's engine and server parts.
 * @param report Receives the figures.
 */
export async function benchStart(rig: Rig, report: Report): Promise<void> {
  const empty: number[] = [];
  const starts: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    empty.push(
      await timed(() => new Deno.Command(Deno.execPath(), { args: ["eval", "0"], stdin: "null" }).output()),
    );
    const start = performance.now();
    const server = await connectBenchServer(rig, {});
    starts.push(performance.now() - start);
    await server.close();
  }
  const floor = "floor: Deno runs an empty program";
  report.table("Start of a server", [
    { name: floor, figures: empty },
    { name: "start → initialize", figures: starts, over: [floor] },
  ]);
}
