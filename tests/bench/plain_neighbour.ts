/** The floor of an attack: two plain containers with the limits of sandboxes and none of our code, one attacking, one answering on a pipe. */
import { DockerRuntime } from "../../src/runtime/docker/mod.ts";
import { type Attachment, type ContainerSpec, LABEL_INSTANCE } from "../../src/runtime/mod.ts";
import { DEFAULT_POLICY, sandboxContainerSpec } from "../../src/sandbox/policy.ts";
import type { Rig } from "./rig.ts";

const DEADLINE_MS = 30_000;
/** Before each question, in milliseconds: without it, all answers fall into one period of the processor quota. */
const PAUSE_MS = 5;
/** Any two that no sandbox has. */
const UIDS = { neighbour: 19_001, attacker: 19_002 } as const;
/** Evaluates each line, as a kernel evaluates a cell. */
const ANSWER = "import sys\nfor line in sys.stdin: sys.stdout.write('%r\\n' % eval(line))";
/** Runs the attack in a child, and again where the memory limit ends it. No attack ends by itself: one that does has failed. */
const REPEAT = `import os, sys
while True:
    child = os.fork()
    if child == 0:
        try: exec(sys.argv[1], {})
        finally: os._exit(1)
    if os.WIFEXITED(os.waitpid(child, 0)[1]): sys.exit(1)`;

/** A plain container that answers `1+1` on its standard streams, through the engine as a sandbox does. */
export class PlainNeighbour {
  readonly #rig: Rig;
  readonly #runtime: DockerRuntime;
  readonly #id: string;
  readonly #attachment: Attachment;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  private constructor(rig: Rig, runtime: DockerRuntime, id: string, attachment: Attachment) {
    this.#rig = rig;
    this.#runtime = runtime;
    this.#id = id;
    this.#attachment = attachment;
    this.#reader = attachment.readable.getReader();
    this.#writer = attachment.writable.getWriter();
  }

  /** @param rig The bench's engine and image. It removes the containers at its end, too. */
  static async start(rig: Rig): Promise<PlainNeighbour> {
    const runtime = new DockerRuntime(rig.engine);
    const id = await create(rig, runtime, UIDS.neighbour, [ANSWER]);
    const attachment = await runtime.attach(id, { deadlineMs: DEADLINE_MS });
    await runtime.startContainer(id, { deadlineMs: DEADLINE_MS });
    const neighbour = new PlainNeighbour(rig, runtime, id, attachment);
    await neighbour.ask();
    return neighbour;
  }

  /**
   * Asks, after a pause.
   *
   * @returns Milliseconds for the answer.
   */
  async ask(): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const start = performance.now();
    await this.#writer.write(new TextEncoder().encode("1+1\n"));
    const { value } = await this.#reader.read();
    const took = performance.now() - start;
    if (new TextDecoder().decode(value) !== "2\n") throw new Error("The plain neighbour did not answer 2");
    return took;
  }

  /**
   * Starts an attack in another plain container.
   *
   * @param code Python that needs nothing of ours and does not end.
   * @returns What ends it, and throws if it has ended by itself.
   */
  async attack(code: string): Promise<() => Promise<void>> {
    const id = await create(this.#rig, this.#runtime, UIDS.attacker, [REPEAT, code]);
    await this.#runtime.startContainer(id, { deadlineMs: DEADLINE_MS });
    return async () => {
      const running = await this.#runtime.listContainers({
        labels: { [LABEL_INSTANCE]: this.#rig.instance },
      });
      await this.#runtime.removeContainer(id, { deadlineMs: DEADLINE_MS });
      if (!running.some((container) => container.id === id)) {
        throw new Error("The attack in a plain container ended by itself: its floor means nothing");
      }
    };
  }

  /** Removes its container. */
  async stop(): Promise<void> {
    this.#attachment.close();
    await this.#runtime.removeContainer(this.#id, { deadlineMs: DEADLINE_MS });
  }
}

/** @param code The program, and its arguments. */
function create(rig: Rig, runtime: DockerRuntime, uid: number, code: readonly string[]): Promise<string> {
  const labels = { [LABEL_INSTANCE]: rig.instance };
  const identity = {
    image: rig.image,
    uid,
    labels,
    env: {},
    command: ["python3", "-I", "-S", "-u", "-c", ...code],
  };
  const spec: ContainerSpec = sandboxContainerSpec(DEFAULT_POLICY, identity);
  return runtime.createContainer(spec, {
    name: `omcp-bench-${crypto.randomUUID()}`,
    deadlineMs: DEADLINE_MS,
  });
}
