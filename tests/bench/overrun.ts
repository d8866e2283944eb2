/** By how much a cell that will not stop overruns its deadline. */
import type { Report } from "./report.ts";
import { type Rig, runCell } from "./rig.ts";
import { timed } from "./stats.ts";

const ROUNDS = 3;
const TIMEOUT_MS = 1000;
const STUBBORN = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass";
const YIELDING = "while True: pass";

/**
 * Measures timeouts.
 *
 * @param rig The bench's engine and server parts.
 * @param report Receives the figures.
 */
export async function benchOverrun(rig: Rig, report: Report): Promise<void> {
  const { sandbox } = await rig.openSandbox();
  async function overrun(code: string): Promise<number> {
    const took = await timed(async () => {
      const { status } = await sandbox.execute(code, { timeoutMs: TIMEOUT_MS, outputBytes: 1024 });
      if (status !== "timeout") throw new Error(`An endless cell ended as ${status}`);
    });
    return took - TIMEOUT_MS;
  }
  const yielding: number[] = [];
  const stubborn: number[] = [];
  const again: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    yielding.push(await overrun(YIELDING));
    stubborn.push(await overrun(STUBBORN));
    again.push(await timed(() => runCell(sandbox, "1")));
  }
  await sandbox.remove("removed", "the bench has measured it");
  report.table("Overrun of an endless cell (promise: at most 2000 ms)", [
    { name: "deadline to answer; the cell yields to SIGINT, state kept", figures: yielding },
    { name: "deadline to answer; the cell ignores SIGINT, new kernel", figures: stubborn },
    { name: "the next cell's reply after that", figures: again },
  ]);
}
