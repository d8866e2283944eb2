/** How long a server takes from its command to its answer to `initialize`. */
import { fileURLToPath } from "node:url";
import { MEMORY_FLAGS } from "../../src/app/launch.ts";
import type { Report } from "./report.ts";
import type { Rig } from "./rig.ts";
import { connectBenchServer } from "./server.ts";
import { timed } from "./stats.ts";

const ROUNDS = 7;
const SMALLEST = fileURLToPath(new URL("smallest_server.ts", import.meta.url));
const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "bench", version: "1" } },
};

/**
 * Measures starts.
 *
 * @param rig The bench's engine and server parts.
 * @param report Receives the figures.
 */
export async function benchStart(rig: Rig, report: Report): Promise<void> {
  const empty: number[] = [];
  const smallest: number[] = [];
  const starts: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    empty.push(
      await timed(() => new Deno.Command(Deno.execPath(), { args: ["eval", "0"], stdin: "null" }).output()),
    );
    smallest.push(await timeToAnswer(["run", "--quiet", MEMORY_FLAGS, "--no-prompt", SMALLEST]));
    const start = performance.now();
    const server = await connectBenchServer(rig, {});
    starts.push(performance.now() - start);
    await server.close();
  }
  const floor = "floor: Deno runs an empty program";
  const library = "floor: the protocol's library with one tool";
  report.table("Start of a server", [
    { name: floor, figures: empty },
    { name: library, figures: smallest, over: [floor] },
    { name: "start → initialize", figures: starts, over: [floor, library] },
  ]);
}

/** Milliseconds from the command to the first bytes of its answer. */
async function timeToAnswer(args: readonly string[]): Promise<number> {
  const start = performance.now();
  const child = new Deno.Command(Deno.execPath(), { args: [...args], stdin: "piped", stdout: "piped" })
    .spawn();
  const stdin = child.stdin.getWriter();
  const stdout = child.stdout.getReader();
  await stdin.write(new TextEncoder().encode(`${JSON.stringify(INITIALIZE)}\n`));
  const { done } = await stdout.read();
  const elapsed = performance.now() - start;
  if (done) throw new Error("The smallest server ended without an answer");
  await stdin.close();
  await stdout.cancel();
  await child.status;
  return elapsed;
}
