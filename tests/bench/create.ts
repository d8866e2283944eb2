/** How long a new sandbox takes, compared with the engine's time for the same container. */
import { createContainerRequest } from "../../src/runtime/docker/mod.ts";
import type { Report } from "./report.ts";
import { type Rig, runCell } from "./rig.ts";
import { interleaved, timed } from "./stats.ts";

const ROUNDS = 5;
const DEADLINE_MS = 30_000;
/** The minimum for the same container: Python starts and sends a byte. */
const FIRST_BYTE = "print('x'); import sys; sys.stdin.read()";

/**
 * Measures creation.
 *
 * @param rig The bench's engine and server parts.
 * @param report Receives the figures.
 */
export async function benchCreate(rig: Rig, report: Report): Promise<void> {
  const first = await rig.manager.create();
  await rig.manager.remove(first.id);
  const engine: number[] = [];
  const firstCell: number[] = [];
  const removal: number[] = [];
  const figures = await interleaved(ROUNDS, {
    floor: () => bareContainer(rig),
    create: async () => {
      const start = performance.now();
      const sandbox = await rig.manager.create();
      const took = performance.now() - start;
      const { create, attach, start: started } = rig.runtime.times;
      engine.push(create + attach + started);
      firstCell.push(await timed(() => runCell(sandbox, "1")));
      removal.push(await timed(() => rig.manager.remove(sandbox.id)));
      return took;
    },
  });
  const create = figures.get("create") ?? [];
  const base = "floor: create, attach, start, first byte of Python";
  report.table("Create a sandbox within the server, cold", [
    { name: base, figures: figures.get("floor") ?? [] },
    { name: "create: agent up, confinement verified from inside", figures: create, over: [base] },
    { name: "  of which the engine's three calls", figures: engine },
    {
      name: "  of which boot, hello, zygote and kernel",
      figures: create.map((whole, at) => whole - (engine[at] ?? 0)),
    },
    { name: "the first cell's reply after that", figures: firstCell },
    {
      name: "create and first cell together",
      figures: create.map((whole, at) => whole + (firstCell[at] ?? 0)),
      over: [base],
    },
    { name: "remove", figures: removal },
  ]);
}

/**
 * Creates and starts the same container without an agent, and removes it.
 *
 * @param rig The bench's engine, with a specification.
 * @returns Milliseconds until the first byte.
 */
export async function bareContainer(rig: Rig): Promise<number> {
  const start = performance.now();
  return await inBareContainer(rig, FIRST_BYTE, async (reader) => {
    const { done } = await reader.read();
    if (done) throw new Error("The floor's container said nothing");
    return performance.now() - start;
  });
}

/**
 * Runs Python in the same container without an agent, and removes it.
 *
 * @param rig The bench's engine, with a specification.
 * @param code What it runs.
 * @param measure Receives what it prints.
 */
export async function inBareContainer<Result>(
  { engine, spec }: Rig,
  code: string,
  measure: (reader: ReadableStreamDefaultReader<Uint8Array>) => Promise<Result>,
): Promise<Result> {
  const call = { deadlineMs: DEADLINE_MS };
  const Entrypoint = ["python3", "-I", "-S", "-u", "-c", code];
  const id = await engine.createContainer({ ...createContainerRequest(spec), Entrypoint }, {
    name: `omcp-bench-${crypto.randomUUID()}`,
    ...call,
  });
  try {
    const attachment = await engine.attach(id, call);
    try {
      const reader = attachment.readable.getReader();
      await engine.startContainer(id, call);
      return await measure(reader);
    } finally {
      attachment.close();
    }
  } finally {
    await engine.removeContainer(id, call);
  }
}
