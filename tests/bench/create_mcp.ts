/** How long a new sandbox takes through a real MCP client over stdio: warm, cold, with a first cell, ten at once. */
import type { ConnectedServer } from "../../src/cli/demo/client.ts";
import { AT_ONCE, burst, cell, compileModules, create, poolIsFilled, remove } from "./calls.ts";
import { bareContainer } from "./create.ts";
import type { Report } from "./report.ts";
import type { Rig } from "./rig.ts";
import { connectBenchServer } from "./server.ts";
import { interleaved, timed } from "./stats.ts";

const ROUNDS = 20;
const BURSTS = 3;

const FLOOR = "floor: create, attach, start, first byte of Python";
const FLOORS = `floor: ${AT_ONCE} of these at once`;

/**
 * Measures creations as a client sees them.
 *
 * @param rig The bench's engine and server parts.
 * @param report Receives the figures.
 * @param rounds How many times. @default 20
 */
export async function benchCreateThroughMcp(rig: Rig, report: Report, rounds?: string): Promise<void> {
  await rig.prepareSpec();
  const warm = await connectBenchServer(rig, { OMCP_POOL_SIZE: "1" });
  const cold = await connectBenchServer(rig, {
    OMCP_POOL_SIZE: "0",
    OMCP_MAX_SANDBOXES: String(2 * AT_ONCE),
  });
  try {
    // The first creation of each waits for the engine's start, and fills the pool.
    await remove(warm, await create(warm));
    await compileModules(cold);
    await poolIsFilled(warm);
    const firstCell: number[] = [];
    const figures = await interleaved(Number(rounds ?? ROUNDS), {
      floor: () => bareContainer(rig),
      warm: async () => {
        const took = await once(warm);
        // Otherwise the next sandbox would be started ahead during the next measurement.
        await poolIsFilled(warm);
        return took;
      },
      cold: () => once(cold),
      both: async () => {
        let created = "";
        const took = await timed(async () => {
          created = await create(cold);
          firstCell.push(await timed(() => cell(cold, created)));
        });
        await remove(cold, created);
        return took;
      },
    });
    const bursts = await interleaved(BURSTS, {
      floors: () => timed(() => Promise.all(Array.from({ length: AT_ONCE }, () => bareContainer(rig)))),
      ten: () => burst(cold),
    });
    const of = (name: string) => figures.get(name) ?? bursts.get(name) ?? [];
    report.table("Create a sandbox, through MCP over stdio", [
      { name: FLOOR, figures: of("floor") },
      { name: "warm: one that was started ahead", figures: of("warm"), over: [FLOOR] },
      { name: "cold", figures: of("cold"), over: [FLOOR] },
      { name: "cold, and a first cell `1`", figures: of("both"), over: [FLOOR] },
      { name: "  of which the cell", figures: firstCell },
      { name: FLOORS, figures: of("floors") },
      { name: `${AT_ONCE} at once, each with a cell`, figures: of("ten"), over: [FLOORS] },
    ]);
  } finally {
    await Promise.all([warm.close(), cold.close()]);
  }
}

/** The time of one creation, without its removal. */
async function once(server: ConnectedServer): Promise<number> {
  let created = "";
  const took = await timed(async () => {
    created = await create(server);
  });
  await remove(server, created);
  return took;
}
