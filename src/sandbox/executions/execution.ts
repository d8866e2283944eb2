/** One run of a cell, or of any tool that may take long: it goes on whether or not a call waits for it. */
import { DEFAULT_CONTEXT, EXECUTION_DEADLINES } from "../../agent_protocol/messages/mod.ts";
import { OmcpError } from "../../errors.ts";
import { Deadline } from "../../lib/async/deadline.ts";
import { utf8Bytes } from "../../lib/bytes.ts";
import { type Clock, SYSTEM_CLOCK } from "../../lib/clock.ts";
import { interruptedError } from "./cell_errors.ts";
import { producedBytes, stateOfError, stateOfResult } from "./end_state.ts";
import {
  type ExecutionResult,
  type ExecutionSpec,
  newExecutionId,
  type PastTimes,
} from "./execution_spec.ts";
import { afterRestart, errorAfterRestart, type KernelRestart } from "./kernel_restart.ts";
import { OutputLog } from "./output_log.ts";
import type { ExecutionRecord, ExecutionState } from "./record.ts";

/** Characters of a source that are kept. */
const SOURCE_CHARACTERS = 2000;
/** Characters of the first line of a source that a record keeps. */
const RECORD_SOURCE_CHARACTERS = 200;
/** Characters of a progress message that are kept. */
const PROGRESS_CHARACTERS = 2000;
/** How long work may go on after its signal is aborted, ms; then the execution ends without waiting for it. */
const ABANDON_MS = EXECUTION_DEADLINES.promiseMs;

/** Where an execution belongs. */
export interface ExecutionPlace {
  /** Undefined for an execution that belongs to no sandbox. */
  readonly sandboxId: string | undefined;
  /** Called after each change of its output or state. */
  readonly onChange: () => void;
  /** @default the process's own */
  readonly clock?: Clock;
}

/** An execution, running or ended. */
export class Execution {
  readonly id: string;
  readonly owner: string;
  readonly tool: string;
  /** The beginning of the source. */
  readonly source: string;
  /** Characters of the whole source. */
  readonly sourceLength: number;
  readonly sandboxId: string | undefined;
  readonly timeoutMs: number;
  readonly usesKernel: boolean;
  /** The name of its context; undefined if it uses no kernel. */
  readonly context: string | undefined;
  readonly log: OutputLog;
  /** Resolves when it has ended. Never rejects. */
  readonly settled: Promise<void>;
  readonly #settled = Promise.withResolvers<void>();
  readonly #controller = new AbortController();
  readonly #deadlines = new DisposableStack();
  readonly #listeners = new Set<() => void>();
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #createdAt: number;
  readonly #past: PastTimes | undefined;
  #state: ExecutionState;
  #started: number | undefined;
  #elapsedMs = 0;
  #endedAt: number | undefined;
  #progress = "";
  #result: ExecutionResult | undefined;
  #error: OmcpError | undefined;
  #restart: KernelRestart | undefined;
  #textBytes = 0;
  #outputBytes = 0;
  #dropped = false;

  /**
   * Starts the work at once.
   *
   * @param spec See {@link ExecutionSpec}.
   * @param place See {@link ExecutionPlace}.
   */
  constructor(spec: ExecutionSpec, { sandboxId, onChange, clock = SYSTEM_CLOCK }: ExecutionPlace) {
    const { owner, tool, source, timeoutMs, usesKernel = false, past } = spec;
    this.id = past?.id ?? newExecutionId();
    this.#past = past;
    this.context = spec.context ?? (usesKernel ? DEFAULT_CONTEXT : undefined);
    this.owner = owner;
    this.tool = tool;
    this.source = source.slice(0, SOURCE_CHARACTERS);
    this.sourceLength = source.length;
    this.timeoutMs = timeoutMs;
    this.usesKernel = usesKernel;
    this.sandboxId = sandboxId;
    this.settled = this.#settled.promise;
    this.log = new OutputLog(() => this.#changed());
    this.#clock = clock;
    this.#onChange = onChange;
    this.#createdAt = clock.wall() - (past === undefined ? 0 : past.elapsedMs + (past.endedMs ?? 0));
    this.#state = "queued";
    if (!usesKernel) {
      this.#start();
      this.#deadlines.use(new Deadline(timeoutMs, () => this.#abort(timedOut(tool, timeoutMs))));
    }
    // Later, so that the caller has the execution before its work can end.
    queueMicrotask(() => void this.#run(spec.work));
  }

  get state(): ExecutionState {
    return this.#state;
  }

  get isEnded(): boolean {
    return this.#endedAt !== undefined;
  }

  /** How long it has run, or ran, in ms; the wait for the kernel is not counted. */
  get elapsedMs(): number {
    if (this.isEnded || this.#started === undefined) return this.#elapsedMs;
    return Math.round(this.#clock.monotonic() - this.#started);
  }

  /** The last progress message; empty if there was none. */
  get progress(): string {
    return this.#progress;
  }

  /** What it returned; undefined while it runs and if it failed. The output of a cell is in `log`. */
  get result(): ExecutionResult | undefined {
    return this.#restart === undefined ? this.#result : afterRestart(this.#result, this.#restart);
  }

  /** Why it failed. */
  get error(): OmcpError | undefined {
    const ran = this.#started !== undefined;
    return this.#error && this.#restart && ran ? errorAfterRestart(this.#error, this.#restart) : this.#error;
  }

  /** Bytes of output and result that are kept. */
  get keptBytes(): number {
    return this.log.bytes + this.#textBytes;
  }

  /** About how much memory the kept output and result take, in bytes. */
  get memory(): number {
    return this.log.memory + this.#textBytes;
  }

  /** Whether its output was dropped to make room. */
  get isDropped(): boolean {
    return this.#dropped;
  }

  /** The execution as a list shows it. */
  record(): ExecutionRecord {
    return {
      id: this.id,
      owner: this.owner,
      tool: this.tool,
      sandboxId: this.sandboxId,
      context: this.context,
      source: this.source.split("\n", 1)[0]?.slice(0, RECORD_SOURCE_CHARACTERS) ?? "",
      state: this.#state,
      createdAt: this.#createdAt,
      endedAt: this.#endedAt,
      elapsedMs: this.elapsedMs,
      outputBytes: Math.max(this.#outputBytes, this.keptBytes, producedBytes(this.#result)),
      dropped: this.#dropped,
    };
  }

  /**
   * Interrupts it, as a timeout does. It has ended when `settled` resolves.
   *
   * @param restart The restart of the kernel that needs the interrupt, if there is one: it loses the cell's variables.
   * @returns False if it had already ended.
   */
  interrupt(restart?: KernelRestart): boolean {
    if (this.isEnded) return false;
    this.#restart ??= restart;
    this.#abort(interruptedError(this.#state === "queued" ? "It did not run." : "It was interrupted."));
    return true;
  }

  /**
   * Ends it because its sandbox has ended.
   *
   * @param error The error for the caller, unless the work fails with a more precise one.
   */
  lose(error: OmcpError): void {
    if (!this.isEnded) this.#abort(error);
  }

  /** Forgets output and result, but not how it ended. */
  dropOutput(): void {
    this.#outputBytes = Math.max(this.#outputBytes, this.keptBytes);
    this.#dropped = true;
    this.log.drop();
    this.#textBytes = 0;
    const result = this.#result;
    this.#result = result?.kind === "cell"
      ? { kind: "cell", outcome: { ...result.outcome, outputs: [] } }
      : undefined;
  }

  /**
   * Reports changes of output, progress and state.
   *
   * @param listener Called after each.
   * @returns Disposing of it ends the reports.
   */
  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async #run(work: ExecutionSpec["work"]): Promise<void> {
    const { signal } = this.#controller;
    try {
      signal.throwIfAborted();
      const result = await work({
        id: this.id,
        signal,
        log: this.log,
        progress: (message) => {
          this.#progress = message.slice(-PROGRESS_CHARACTERS);
          this.#notify();
        },
        queued: () => this.#queue(),
        started: () => this.#start(),
      });
      this.#end(stateOfResult(result), { result });
    } catch (thrown) {
      const reason: unknown = signal.aborted ? signal.reason : undefined;
      const error = [thrown, reason].find((one) => one instanceof OmcpError) ??
        new OmcpError("internal", "Internal server error; see the server log", { cause: thrown });
      this.#end(stateOfError(error, reason), { error });
    }
  }

  #queue(): void {
    if (this.isEnded || this.#started !== undefined) return;
    this.#progress = "waiting for another cell of this context to end";
    this.#notify();
  }

  #start(): void {
    if (this.isEnded || this.#started !== undefined) return;
    this.#progress = "";
    this.#state = "running";
    this.#started = this.#clock.monotonic() - (this.#past?.elapsedMs ?? 0);
    this.#changed();
  }

  #abort(reason: OmcpError): void {
    if (this.#controller.signal.aborted) return;
    this.#deadlines.use(
      new Deadline(ABANDON_MS, () => {
        const error = reason.with({ state: "What it did until then is unknown; it may still be ending." });
        this.#end(stateOfError(reason, reason), { error });
      }),
    );
    // Last, because the work may end during this call.
    this.#controller.abort(reason);
  }

  #end(state: ExecutionState, { result, error }: { result?: ExecutionResult; error?: OmcpError }): void {
    if (this.isEnded) return;
    this.#elapsedMs = this.#past?.endedMs === undefined ? this.elapsedMs : this.#past.elapsedMs;
    this.#state = state;
    this.#result = result;
    this.#error = error;
    this.#textBytes = result?.kind === "text" ? utf8Bytes(result.text) : 0;
    this.#endedAt = this.#clock.wall() - (this.#past?.endedMs ?? 0);
    this.#deadlines.dispose();
    this.#settled.resolve();
    this.#changed();
    this.#listeners.clear();
  }

  #changed(): void {
    this.#onChange();
    this.#notify();
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

function timedOut(tool: string, ms: number): OmcpError {
  return new OmcpError("timeout", `${tool} timed out after ${ms / 1000} s`, {
    state: "It was ended; what it had done until then remains.",
    next: "Try again with less work, or with a longer timeout if the tool has one.",
  });
}
