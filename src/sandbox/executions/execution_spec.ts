/** What is to be executed, what its work gets, and what it returns. */
import type { ExecutionOutcome } from "./outcome.ts";
import type { OutputLog } from "./output_log.ts";

/**
 * Executions of one sandbox that may run or wait at once. The queues within a sandbox have room for as many, so that this is the one
 * limit that a caller meets.
 */
export const MAX_RUNNING_EXECUTIONS = 32;

/** What an execution returns. */
export type ExecutionResult =
  | {
    readonly kind: "text";
    readonly text: string;
    /** Bytes of output that the audit records. @default the length of the text */
    readonly bytes?: number;
  }
  | { readonly kind: "cell"; readonly outcome: ExecutionOutcome };

/** What the work of an execution gets. */
export interface ExecutionRun {
  /** The execution's id. */
  readonly id: string;
  /** Aborted when the execution must end: interrupted, out of time, or its sandbox has ended. */
  readonly signal: AbortSignal;
  /** Takes the output. */
  readonly log: OutputLog;
  /** Replaces the progress message. */
  progress(message: string): void;
  /** Reports that it waits for the sandbox's kernel; the wait does not count as running time. */
  queued(): void;
  /** Reports that it runs from now on. */
  started(): void;
}

/** Python that does in a notebook what an execution did. */
export interface NotebookSource {
  /** Python source, for a cell of its own. */
  readonly code: string;
  /** What a reader must know of it, in a line. */
  readonly note?: string;
}

/** An execution that began under an earlier server. */
export interface PastTimes {
  /** The id that it has. */
  readonly id: string;
  /** How long it has run, or ran, ms. */
  readonly elapsedMs: number;
  /** Since its end, ms; undefined while it runs. */
  readonly endedMs: number | undefined;
}

/** What is to be executed. */
export interface ExecutionSpec {
  /** The id of the principal whose call starts it. */
  readonly owner: string;
  readonly tool: string;
  /** The cell, or a line that says what the tool does. */
  readonly source: string;
  /** Its timeout, ms from its start. */
  readonly timeoutMs: number;
  /**
   * Whether the work runs Python in the sandbox's kernel. Such an execution begins in state `queued`; its work reports when it runs, and
   * enforces the timeout. @default false
   */
  readonly usesKernel?: boolean;
  /** Set for one that began under an earlier server. @default it begins now */
  readonly past?: PastTimes;
  /** The name of the context whose kernel it uses. @default "default" if it uses one */
  readonly context?: string;
  /** The same as Python, for a notebook of the sandbox. @default none: the notebook has `source` as a text */
  readonly notebook?: NotebookSource;
  /** Does the work. An `OmcpError` that it throws becomes the execution's error. */
  readonly work: (run: ExecutionRun) => Promise<ExecutionResult>;
}

/** A new id, which nobody can guess: it also names the copy of the output in the sandbox. */
export function newExecutionId(): string {
  return `exec_${crypto.getRandomValues(new Uint8Array(16)).toHex()}`;
}
