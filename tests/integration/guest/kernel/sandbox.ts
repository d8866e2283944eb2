/** A hardened container whose PID 1 is driver.py: cells go in, events come out. */
import { PYTHON_IMAGE } from "../../../fixtures/images.ts";
import assert from "node:assert/strict";
import { GUEST_MODULES, LOADER_COMMAND } from "../../../../src/guest/mod.ts";
import driver from "./driver.py" with { type: "text" };
import type { ExecuteResult, MimeBundle } from "../../../../src/agent_protocol/messages/mod.ts";
import { bootBytes, fromSource, sandboxBootConfig } from "../../../../src/agent_protocol/mod.ts";
import { newExecutionId } from "../../../../src/sandbox/executions/execution_spec.ts";
import { OutputCollector } from "../../../../src/sandbox/executions/outcome.ts";
import * as z from "zod";

const LINE = z.object({ id: z.number(), event: z.looseObject({ type: z.string() }) });
const ERROR = z.object({ ename: z.string(), evalue: z.string(), traceback: z.string() });

export type Event = z.infer<typeof LINE>["event"];
export interface Bundle {
  readonly data: MimeBundle;
}

/** The output and result of a cell, in a shape that is easy to assert on. */
export interface Outcome {
  readonly result: Omit<ExecuteResult, "kernel"> & { readonly kernel: string };
  readonly events: readonly Event[];
  readonly stdout: string;
  readonly stderr: string;
  readonly value: string | undefined;
  readonly displays: readonly Bundle[];
  readonly error: z.infer<typeof ERROR> | undefined;
}

export interface CellOptions {
  readonly timeout_ms?: number;
  readonly max_output_bytes?: number;
  readonly silent?: boolean;
  readonly execution?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly context?: string;
}

export interface SandboxOptions {
  readonly preload?: readonly string[];
  readonly preloadWaits?: boolean;
  readonly image?: string;
  readonly dockerArguments?: readonly string[];
  /** Guest modules that replace the real ones, such as a missing Landlock. */
  readonly modules?: Readonly<Record<string, string>>;
}

interface Waiting {
  readonly events: Event[];
  readonly resolve: (events: readonly Event[]) => void;
  readonly reject: (reason: Error) => void;
}

export class Sandbox {
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #label: string;
  readonly #waiting = new Map<number, Waiting>();
  readonly #states: Event[] = [];
  readonly #stateWaiters = new Set<() => void>();
  readonly #reading: Promise<void>;
  #next = 1;

  private constructor(label: string, process: Deno.ChildProcess) {
    this.#label = label;
    this.#process = process;
    this.#writer = process.stdin.getWriter();
    this.#reading = this.#read();
  }

  static async start(options: SandboxOptions = {}): Promise<Sandbox> {
    const label = `org.omcp.test=${crypto.randomUUID()}`;
    // A user of its own, as every sandbox has: the limit on a user's processes counts those of all containers.
    const uid = 61_000 + Math.floor(Math.random() * 3000);
    const tmpfs = (
      path: string,
    ) => ["--tmpfs", `${path}:rw,nosuid,nodev,exec,size=64m,uid=${uid},gid=${uid}`];
    const process = new Deno.Command("docker", {
      args: [
        ...["run", "-i", "--rm", "--label", label, "--network", "none", "--read-only", "--cap-drop", "ALL"],
        ...["--security-opt", "no-new-privileges", "--pids-limit", "128", "-m", "1g", "--memory-swap", "1g"],
        ...["--user", `${uid}:${uid}`, "--log-driver", "none", "--workdir", "/workspace"],
        ...["/tmp", "/workspace", "/run"].flatMap(tmpfs),
        ...(options.dockerArguments ?? []),
        ...[options.image ?? PYTHON_IMAGE, ...LOADER_COMMAND],
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const sandbox = new Sandbox(label, process);
    const { preload = [], preloadWaits = false } = options;
    const config = sandboxBootConfig({ leaseSeconds: 60, preload, preloadWaits });
    const modules = { ...GUEST_MODULES, agent: driver, ...options.modules };
    await sandbox.#writer.write(bootBytes(fromSource(modules), config));
    return sandbox;
  }

  /** Waits until the kernel has reported this state; an earlier report counts. */
  async state(wanted: string): Promise<Event> {
    const deadline = AbortSignal.timeout(60_000);
    for (;;) {
      const found = this.#states.find((event) => event["state"] === wanted);
      if (found !== undefined) return found;
      await new Promise<void>((resolve, reject) => {
        this.#stateWaiters.add(resolve);
        deadline.addEventListener("abort", () => reject(new Error(`state ${wanted} never came`)), {
          once: true,
        });
      });
    }
  }

  get states(): readonly Event[] {
    return this.#states;
  }

  /** What requests without a reply have printed so far. */
  get printed(): string {
    const events = [...this.#waiting.values()].flatMap((waiting) => waiting.events);
    return events.flatMap((event) => event.type === "stream" ? [event["text"]] : []).join("");
  }

  /** All events of a request, its reply last. */
  async request(method: string, params: unknown = {}): Promise<readonly Event[]> {
    const id = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<readonly Event[]>();
    this.#waiting.set(id, { events: [], resolve, reject });
    await this.#writer.write(new TextEncoder().encode(JSON.stringify({ id, method, params }) + "\n"));
    return await promise;
  }

  async call(method: string, params: unknown = {}): Promise<Event> {
    const reply = (await this.request(method, params)).at(-1);
    assert(reply !== undefined);
    return reply;
  }

  async cell(code: string, options: CellOptions = {}): Promise<Outcome> {
    const params = {
      code,
      timeout_ms: 20_000,
      max_output_bytes: 1 << 20,
      max_text_characters: options.max_output_bytes ?? 1 << 20,
      silent: false,
      execution: newExecutionId(),
      env: {},
      cwd: null,
      ...options,
    };
    const events = await this.request("execute", params);
    const reply = z.object({ result: z.unknown() }).parse(events.at(-1));
    const streams = (name: string) =>
      events.filter((event) => event.type === "stream" && event["name"] === name).map((event) =>
        event["text"]
      ).join("");
    const collector = new OutputCollector();
    for (const event of events.slice(0, -1)) collector.add(event);
    const result = collector.finish(reply.result);
    const { outputs } = result;
    const error = events.find((event) => event.type === "error");
    return {
      result,
      events,
      stdout: streams("stdout"),
      stderr: streams("stderr"),
      value: outputs.find((output) => output.type === "execute_result")?.data["text/plain"],
      displays: outputs.filter((output) => output.type === "display_data"),
      error: error && ERROR.parse(error),
    };
  }

  /** Runs a shell command in the container beside the agent, without the agent's confinement. */
  async exec(command: string): Promise<void> {
    const id = await run(["ps", "-q", "--filter", `label=${this.#label}`]);
    await run(["exec", id, "sh", "-c", command]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => undefined);
    const stuck = setTimeout(() => this.#process.kill("SIGKILL"), 5000);
    await this.#process.status;
    clearTimeout(stuck);
    await this.#reading;
    const list = await run(["ps", "-aq", "--filter", `label=${this.#label}`]);
    if (list !== "") await run(["rm", "-f", ...list.split("\n")]);
  }

  async #read(): Promise<void> {
    let rest = "";
    try {
      for await (const text of this.#process.stdout.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) this.#take(LINE.parse(JSON.parse(line)));
      }
    } finally {
      for (const waiting of this.#waiting.values()) waiting.reject(new Error("the container ended"));
    }
  }

  #take({ id, event }: z.infer<typeof LINE>): void {
    if (id === 0) {
      this.#states.push(event);
      for (const wake of this.#stateWaiters) wake();
      this.#stateWaiters.clear();
      return;
    }
    const waiting = this.#waiting.get(id);
    waiting?.events.push(event);
    if (event.type === "reply") {
      this.#waiting.delete(id);
      waiting?.resolve(waiting.events);
    }
  }
}

async function run(args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command("docker", { args, stderr: "null" }).output();
  return new TextDecoder().decode(stdout).trim();
}
