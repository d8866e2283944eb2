/** The executions of one sandbox, or those that belong to none. The latest keep their output; of older ones only a record is kept. */
import type { Clock } from "../../lib/clock.ts";
import { OmcpError } from "../../errors.ts";
import { Execution } from "./execution.ts";
import type { ExecutionSpec, NotebookSource } from "./execution_spec.ts";
import { NotebookSources } from "./notebook_sources.ts";
import { type ExecutionRecord, lostError } from "./record.ts";

/** Executions that are kept with their output. */
export const MAX_EXECUTIONS = 200;
/** Bytes of memory for the output of ended executions and running ones together; running ones may exceed it. */
export const MAX_OUTPUT_BYTES = 32 * 1024 * 1024;
/** Older executions of which only the record is kept. */
const MAX_RECORDS = 1000;

/** What an {@link ExecutionStore} needs. */
export interface ExecutionStoreOptions {
  /** Undefined for executions that belong to no sandbox. */
  readonly sandboxId: string | undefined;
  /** How many may run or wait at once. */
  readonly maxRunning: number;
  /** Called when one has started or ended. */
  readonly onUse?: () => void;
  /** @default the process's own */
  readonly clock?: Clock;
}

/** An execution, as a notebook has it. */
export interface PastExecution {
  readonly record: ExecutionRecord;
  /** Undefined if only the record is kept. */
  readonly execution: Execution | undefined;
  /** `gone`: it is no longer kept. Undefined: a notebook cannot run it again. */
  readonly source: NotebookSource | "gone" | undefined;
}

/** The executions of one sandbox, or those that belong to no sandbox. */
export class ExecutionStore {
  readonly #options: ExecutionStoreOptions;
  /** Oldest first. */
  readonly #executions = new Map<string, Execution>();
  /** Older ones, oldest first. */
  readonly #records = new Map<string, ExecutionRecord>();
  readonly #sources = new NotebookSources();
  #forgotten = 0;
  #ended: { readonly reason: string; readonly error: OmcpError } | undefined;

  /** @param options See {@link ExecutionStoreOptions}. */
  constructor(options: ExecutionStoreOptions) {
    this.#options = options;
  }

  /** Executions that have not ended. */
  get running(): readonly Execution[] {
    return [...this.#executions.values()].filter(({ isEnded }) => !isEnded);
  }

  /** All known executions, oldest first. */
  list(): readonly ExecutionRecord[] {
    const lost = this.#ended !== undefined;
    const own = [...this.#executions.values()].map((one) => {
      const record = one.record();
      return lost && !one.isEnded ? { ...record, state: "lost" as const } : record;
    });
    return [...this.#records.values(), ...own];
  }

  /** How many are so old that nothing of them is kept. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /**
   * All that are known, oldest first, with what is kept of them.
   *
   * @param owner The caller's principal: another's executions are not in it.
   */
  history(owner: string): readonly PastExecution[] {
    return this.list().filter((record) => record.owner === owner).map((record) => ({
      record,
      execution: this.#executions.get(record.id),
      source: this.#sources.get(record.id),
    }));
  }

  /**
   * Starts an execution.
   *
   * @param spec What is to be executed.
   * @throws {OmcpError} `sandbox_busy` or `capacity` where too many run; the error of a sandbox that has ended.
   */
  start(spec: ExecutionSpec): Execution {
    if (this.#ended !== undefined) throw this.#ended.error;
    const { sandboxId, maxRunning, clock, onUse } = this.#options;
    if (this.running.length >= maxRunning) throw tooMany(sandboxId, maxRunning);
    const execution = new Execution(spec, {
      sandboxId,
      onChange: () => this.#trim(),
      ...(clock === undefined ? {} : { clock }),
    });
    this.#executions.set(execution.id, execution);
    if (spec.notebook !== undefined) this.#sources.add(execution.id, spec.notebook);
    this.#trim();
    onUse?.();
    void execution.settled.then(onUse);
    return execution;
  }

  /**
   * Finds an execution.
   *
   * @param id Its id.
   * @param owner The caller's principal: another's execution is not found.
   * @returns The execution; for an old one, only its record; undefined if there is none.
   * @throws {OmcpError} `execution_lost` if the sandbox has ended.
   */
  find(id: string, owner: string): Execution | ExecutionRecord | undefined {
    const found = this.#executions.get(id) ?? this.#records.get(id);
    if (found?.owner !== owner) return undefined;
    if (this.#ended === undefined) return found;
    throw lostError(found instanceof Execution ? found.record() : found, this.#ended.reason);
  }

  /**
   * Ends all that run; no more can be started.
   *
   * @param reason Why, without a final period.
   * @param error The error for their callers, unless their work fails with a more precise one.
   */
  close(reason: string, error: OmcpError): void {
    this.#ended ??= { reason, error };
    for (const execution of this.running) execution.lose(error);
  }

  /**
   * Forgets all output, after {@link close}, when those that still run have ended with errors of their own.
   *
   * @returns All that are known, oldest first.
   */
  async dropOutputs(): Promise<readonly ExecutionRecord[]> {
    await Promise.all(this.running.map(({ settled }) => settled));
    // Calls that wait for one of them must first read what it has printed.
    await new Promise((resolve) => setTimeout(resolve, 0));
    for (const execution of this.#executions.values()) execution.dropOutput();
    this.#sources.clear();
    return this.list();
  }

  #trim(): void {
    if (this.#executions.size > MAX_EXECUTIONS) this.#retireOldest();
    if (this.#keptBytes() <= MAX_OUTPUT_BYTES) return;
    let bytes = 0;
    // From the youngest: what lies beyond the limit is the oldest.
    for (const execution of [...this.#executions.values()].reverse()) {
      if (execution.isDropped) continue;
      bytes += execution.memory;
      if (bytes > MAX_OUTPUT_BYTES && execution.isEnded) {
        bytes -= execution.memory;
        execution.dropOutput();
      }
    }
  }

  #keptBytes(): number {
    let bytes = 0;
    for (const execution of this.#executions.values()) if (!execution.isDropped) bytes += execution.memory;
    return bytes;
  }

  #retireOldest(): void {
    const ended = [...this.#executions.values()].filter(({ isEnded }) => isEnded);
    // A client that repeats a refused call must not lose the results of calls that ran.
    const oldest = ended.find(({ error }) => error?.code === "sandbox_busy") ?? ended[0];
    if (oldest === undefined) return;
    this.#executions.delete(oldest.id);
    this.#records.set(oldest.id, { ...oldest.record(), dropped: true });
    const [forgotten] = this.#records.keys();
    if (this.#records.size <= MAX_RECORDS || forgotten === undefined) return;
    this.#records.delete(forgotten);
    this.#sources.delete(forgotten);
    this.#forgotten += 1;
  }
}

function tooMany(sandboxId: string | undefined, maximum: number): OmcpError {
  const next = "Wait for one of them with get_execution, or end one with interrupt_execution.";
  return sandboxId === undefined
    ? new OmcpError("capacity", `${maximum} long-running calls are already running`, {
      state: "Nothing was started.",
      next,
    })
    : new OmcpError("sandbox_busy", `${maximum} executions of sandbox ${sandboxId} already run or wait`, {
      state: "Nothing was started.",
      next,
    });
}
