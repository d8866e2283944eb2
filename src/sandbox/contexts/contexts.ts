/** The contexts of one sandbox: named interpreters, each with variables, processes and a queue of cells of its own. */
import { DEFAULT_CONTEXT, MAX_CONTEXTS, REQUESTS } from "../../agent_protocol/messages/mod.ts";
import { OmcpError } from "../../errors.ts";
import { KernelQueue, type KernelQueueParts } from "../executions/kernel_queue.ts";
import type { ExecutionOutcome } from "../executions/outcome.ts";
import type { ExecuteOptions, ResumeOptions } from "../executions/run_cell.ts";

/** How long the agent may take to list its contexts. */
const LIST_MS = 5000;

/** What a list shows of a context. */
export interface ContextInfo {
  readonly name: string;
  /** `starting` and `dead`: its kernel. `idle` and `busy`: whether a cell runs or waits. */
  readonly state: "starting" | "idle" | "busy" | "dead";
  /** Cells that this server has started in it; in `default`, those of an earlier server as well. */
  readonly cells: number;
  /** Processes that its cells have left running. */
  readonly backgroundProcesses: number;
}

/** The contexts of one sandbox. */
export class Contexts {
  readonly #parts: KernelQueueParts;
  readonly #queues = new Map<string, KernelQueue>();
  #removedCells = 0;

  /** @param parts Of the context `default`; `kernelStarted` is about its kernel. */
  constructor(parts: KernelQueueParts) {
    this.#parts = parts;
    this.#queues.set(DEFAULT_CONTEXT, new KernelQueue(parts));
  }

  /** True while a call waits for a kernel or a cell uses one; an interrupted cell uses it until it has ended. */
  get busy(): boolean {
    return [...this.#queues.values()].some(({ busy }) => busy);
  }

  /** How many cells have been started in all contexts; silent ones do not count. */
  get count(): number {
    return [...this.#queues.values()].reduce((sum, { count }) => sum + count, this.#removedCells);
  }

  /**
   * Runs a cell in its context, which is created if there is none.
   *
   * @throws {OmcpError} `capacity` if there are too many contexts; see {@link KernelQueue.execute}.
   */
  async execute(code: string, options: ExecuteOptions): Promise<ExecutionOutcome> {
    return await this.#queueOf(options.context ?? DEFAULT_CONTEXT).execute(code, options);
  }

  /** Goes on with a cell that an earlier server sent; see {@link KernelQueue.resume}. */
  async resume(options: ResumeOptions): Promise<ExecutionOutcome> {
    return await this.#queueOf(options.context ?? DEFAULT_CONTEXT).resume(options);
  }

  /**
   * Starts a new kernel in a context; the variables of the old one are lost.
   *
   * @param name The context's.
   * @throws {OmcpError} `invalid_argument` if there is no such context; see {@link KernelQueue.restart}.
   */
  async restart(name: string, options: Pick<ExecuteOptions, "signal" | "onStarted">): Promise<void> {
    await (await this.#existing(name)).restart(options);
  }

  /**
   * Ends a context with its variables and processes.
   *
   * @param name The context's; not `default`.
   * @throws {OmcpError} `invalid_argument` if there is no such context, or it is `default`; see {@link KernelQueue.restart}.
   */
  async remove(name: string, options: Pick<ExecuteOptions, "signal" | "onStarted">): Promise<void> {
    if (name === DEFAULT_CONTEXT) {
      throw new OmcpError("invalid_argument", `Cannot remove the context ${DEFAULT_CONTEXT}`, {
        state: "Nothing was changed.",
        next: "Restart it without remove, or remove the sandbox.",
      });
    }
    const queue = await this.#existing(name);
    await queue.restart({ ...options, remove: true });
    // A call that waits for it creates it again.
    if (queue.busy) return;
    this.#queues.delete(name);
    this.#removedCells += queue.count;
  }

  /**
   * Lists the contexts as the agent has them.
   *
   * @param signal Gives up.
   * @throws {OmcpError} The error of a sandbox that has ended; `channel_failed` or `timeout` where the agent does not answer.
   */
  async list(signal?: AbortSignal): Promise<readonly ContextInfo[]> {
    this.#parts.lifetime.throwIfEnded();
    const reply = await this.#parts.container.channel.request("list_contexts", {}, {
      deadlineMs: LIST_MS,
      ...(signal === undefined ? {} : { signal }),
    });
    const { contexts } = REQUESTS.list_contexts.result.parse(reply);
    return Object.entries(contexts).map(([name, { executionState, backgroundProcesses }]) => {
      const queue = this.#queues.get(name);
      const state = executionState === "idle" && queue?.busy === true ? "busy" : executionState;
      return { name, state, cells: queue?.count ?? 0, backgroundProcesses };
    });
  }

  #queueOf(name: string): KernelQueue {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    if (this.#queues.size >= MAX_CONTEXTS) {
      throw new OmcpError(
        "capacity",
        `Sandbox ${this.#parts.lifetime.id} has ${MAX_CONTEXTS} contexts already: ${
          [...this.#queues.keys()].join(", ")
        }`,
        {
          state: "The cell did not run.",
          next: "Use one of them, or remove one: restart_kernel with its context and remove: true.",
        },
      );
    }
    const { lifetime, container } = this.#parts;
    const queue = new KernelQueue({ lifetime, container, context: name });
    this.#queues.set(name, queue);
    return queue;
  }

  /** The agent knows those of an earlier server as well. */
  async #existing(name: string): Promise<KernelQueue> {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const names = (await this.list()).map((context) => context.name);
    if (names.includes(name)) return this.#queueOf(name);
    throw new OmcpError(
      "invalid_argument",
      `Sandbox ${this.#parts.lifetime.id} has no context ${name}; it has ${names.join(", ")}`,
      { state: "Nothing was changed.", next: "execute_python_code creates a context that it names." },
    );
  }
}
