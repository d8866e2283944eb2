/** Runs the cells of one context one after the other. If a request to the agent fails, it may have to remove the sandbox. */
import { codeBytes, DEFAULT_CONTEXT, MAX_CODE_BYTES } from "../../agent_protocol/messages/mod.ts";
import { ReplyError } from "../../agent_protocol/mod.ts";
import { OmcpError } from "../../errors.ts";
import { abortable } from "../../lib/async/abortable.ts";
import { DeadlineSignal, within } from "../../lib/async/deadline.ts";
import { Semaphore } from "../../lib/async/semaphore.ts";
import type { AgentContainer } from "../../runtime/mod.ts";
import type { Lifetime } from "../lifetime.ts";
import { MAX_RUNNING_EXECUTIONS } from "./execution_spec.ts";
import { agentError, cancelledError } from "./cell_errors.ts";
import { type ExecuteOptions, resumeCell, type ResumeOptions, runCell } from "./run_cell.ts";
import type { ExecutionOutcome } from "./outcome.ts";

/** A first kernel that takes longer to start uses the cell's own time. */
const KERNEL_START_MS = 30_000;
/** How long a call whose channel broke waits for the reason, and for the removal. */
const END_WAIT_MS = 1500;
/** How long a new kernel may take to start. */
const RESTART_MS = 60_000;

/** What a {@link KernelQueue} needs. */
export interface KernelQueueParts {
  readonly lifetime: Lifetime;
  readonly container: Pick<AgentContainer, "channel">;
  /** Cells that were started before. @default 0 */
  readonly cells?: number;
  /** Resolves when the first kernel is ready, or when it cannot start. @default the agent is asked */
  readonly kernelStarted?: Promise<void>;
  /** The context's name. @default "default" */
  readonly context?: string;
}

/** The queue in front of one context's kernel. */
export class KernelQueue {
  readonly #lifetime: Lifetime;
  readonly #container: KernelQueueParts["container"];
  readonly #kernelStarted: Promise<void> | undefined;
  readonly #context: string;
  #hasStarted = false;
  readonly #semaphore = new Semaphore(1, MAX_RUNNING_EXECUTIONS);
  #calls = 0;
  #count: number;

  constructor(
    { lifetime, container, kernelStarted, context = DEFAULT_CONTEXT, cells = 0 }: KernelQueueParts,
  ) {
    this.#count = cells;
    this.#lifetime = lifetime;
    this.#container = container;
    this.#kernelStarted = kernelStarted;
    this.#context = context;
    void kernelStarted?.then(() => this.#hasStarted = true);
  }

  /** True while a call waits for the kernel or a cell uses it; an interrupted cell uses it until it has ended. */
  get busy(): boolean {
    return this.#calls > 0 || this.#semaphore.busy;
  }

  /** How many cells have been started; silent ones do not count. */
  get count(): number {
    return this.#count;
  }

  /** Runs a cell; see {@link Sandbox.execute}. */
  async execute(code: string, options: ExecuteOptions): Promise<ExecutionOutcome> {
    this.#lifetime.throwIfEnded();
    checkSource(code);
    const start = performance.now();
    const permit = await this.#acquire(options);
    const waitedMs = performance.now() - start;
    const kernelStartMs = await this.#ready(permit, options.signal);
    options.onStarted?.();
    const cell = { ...options, context: this.#context };
    const run = runCell(this.#container.channel, code, cell, (error) => this.#failed(error));
    if (options.silent !== true) this.#count += 1;
    // Held until the agent replies, which may be after the caller has its outcome: until then the cell may run.
    void run.settled.then(() => permit[Symbol.dispose]());
    return { ...await run.outcome, waitedMs, kernelStartMs };
  }

  /**
   * Goes on with a cell that an earlier server sent; see {@link resumeCell}. Called before any other cell is sent.
   *
   * @param options See {@link ResumeOptions}.
   */
  async resume(options: ResumeOptions): Promise<ExecutionOutcome> {
    this.#lifetime.throwIfEnded();
    const permit = options.ended ? undefined : await this.#acquire({});
    options.onStarted?.();
    const cell = { ...options, context: this.#context };
    const run = resumeCell(this.#container.channel, cell, (error) => this.#failed(error));
    void run.settled.then(() => permit?.[Symbol.dispose]());
    return await run.outcome;
  }

  /**
   * Starts a new kernel, or ends the context; the variables of the old one are lost.
   *
   * @param options `signal` ends the wait for the kernel's permit; a restart that was sent goes on. `remove`: no new kernel starts.
   */
  async restart(
    options: Pick<ExecuteOptions, "signal" | "onStarted"> & { readonly remove?: boolean },
  ): Promise<void> {
    this.#lifetime.throwIfEnded();
    using permit = await this.#acquire(options);
    await this.#ready(permit, options.signal);
    options.onStarted?.();
    const method = options.remove === true ? "remove_context" : "restart";
    try {
      await this.#container.channel.request(method, { context: this.#context }, { deadlineMs: RESTART_MS });
      if (options.remove === true) this.#hasStarted = false;
    } catch (error) {
      await this.#failed(error);
    }
  }

  /** Waits for the kernel. The permit is released when its holder disposes of it; the sandbox is busy until then. */
  async #acquire({ signal, onWaiting }: Pick<ExecuteOptions, "signal" | "onWaiting">): Promise<Disposable> {
    this.#calls += 1;
    let permit: Disposable | undefined;
    try {
      if (this.#semaphore.busy) onWaiting?.();
      permit = await this.#semaphore.acquire(signal ?? new AbortController().signal);
    } catch (cause) {
      this.#throwIfEnded();
      if (signal?.aborted) throw cancelledError("The cell did not run.", signal.reason);
      throw new OmcpError(
        "sandbox_busy",
        `Sandbox ${this.#lifetime.id} is busy, and ${MAX_RUNNING_EXECUTIONS} cells already wait for it`,
        { state: "The cell did not run.", next: "Wait for the running cell, or use another sandbox.", cause },
      );
    } finally {
      this.#calls -= 1;
      this.#lifetime.touch();
    }
    const held = permit;
    return {
      [Symbol.dispose]: () => {
        held[Symbol.dispose]();
        this.#lifetime.touch();
      },
    };
  }

  /** Waits for the first kernel; releases the permit where the cell cannot be sent. Returns how long that took, ms. */
  async #ready(permit: Disposable, signal: AbortSignal | undefined): Promise<number> {
    const start = performance.now();
    try {
      await this.#kernelStart(signal);
      this.#throwIfEnded();
      if (signal?.aborted) throw cancelledError("The cell did not run.", signal.reason);
      return performance.now() - start;
    } catch (error) {
      permit[Symbol.dispose]();
      if (this.#lifetime.end !== undefined) await within(this.#lifetime.removed, END_WAIT_MS);
      throw error;
    }
  }

  /** Throws the error of a cell that was not sent because the sandbox ended. */
  #throwIfEnded(): void {
    const error = this.#lifetime.endError(false);
    if (error !== undefined) throw error;
  }

  /** Waits for the first kernel, whose start (seconds on a slow machine) does not count as the first cell's time. */
  async #kernelStart(signal: AbortSignal | undefined): Promise<void> {
    // A race with the container's end would keep something of each cell until that end.
    if (this.#hasStarted) return;
    using deadline = new DeadlineSignal(KERNEL_START_MS, signal);
    const params = { context: this.#context };
    const asked = this.#container.channel.request("start_kernel", params, { deadlineMs: KERNEL_START_MS });
    // Without a kernel, the cell's own request says why.
    const answered = asked.then(() => void (this.#hasStarted = true), () => {});
    const started = Promise.race([this.#kernelStarted ?? answered, this.#lifetime.containerEnded]);
    // The caller checks the state, however the wait ended.
    await abortable(started, deadline.signal).catch(() => {});
  }

  /** Turns a failed request's error into the caller's, and removes the sandbox if it cannot be trusted or reached. */
  async #failed(error: unknown): Promise<never> {
    if (error instanceof ReplyError) throw agentError(error);
    const known = error instanceof OmcpError ? error : undefined;
    const sent = known?.details.sent !== false;
    const lifetime = this.#lifetime;
    if (lifetime.end === undefined) {
      const broken = known?.code === "channel_failed";
      const end = broken ? await within(lifetime.containerEnded, END_WAIT_MS) : undefined;
      const reason = known?.code === "timeout"
        ? "its kernel could not be replaced in time"
        : known?.message ?? String(error);
      lifetime.remove({ state: "lost", reason: end?.reason ?? reason, oom: end?.outOfMemory ?? false });
      await within(lifetime.removed, END_WAIT_MS);
      if (broken && !known.retryable) throw known;
    } else {
      await within(lifetime.removed, END_WAIT_MS);
    }
    const { end, id } = lifetime;
    if (sent && end?.state === "lost" && !end.oom) {
      throw new OmcpError("outcome_unknown", `Sandbox ${id} was lost during the call: ${end.reason}`, {
        state: "It is unknown how far the cell ran. The sandbox's variables and files are gone.",
        next: "Create a new sandbox with create_sandbox and run again what is needed.",
        cause: error,
      });
    }
    throw lifetime.endError(sent) ?? error;
  }
}

function checkSource(code: string): void {
  if (!code.isWellFormed()) {
    throw new OmcpError(
      "invalid_argument",
      "A cell's source is not valid Unicode: it has half of a surrogate pair",
      {
        state: "The cell did not run.",
        next: "Write it as an escape of Python, such as '\\ud800'.",
      },
    );
  }
  const bytes = codeBytes(code);
  if (bytes <= MAX_CODE_BYTES) return;
  throw new OmcpError(
    "invalid_argument",
    `A cell's source must have at most ${MAX_CODE_BYTES} bytes in UTF-8; received ${bytes}`,
    { state: "The cell did not run.", next: "Write long text to a file and read it in the cell." },
  );
}
