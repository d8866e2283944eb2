/** What is known of an execution without its output: what a list shows, and what remains when the output is gone. */
import { OmcpError } from "../../errors.ts";
import { counted } from "../../lib/counted.ts";

/**
 * `queued`: it waits for the kernel. `error`: the cell raised an exception, or the tool failed. `unknown`: it is not known whether it ran or
 * has ended. `lost`: its sandbox ended before it did. The others are as in a cell's outcome.
 */
export type ExecutionState =
  | "queued"
  | "running"
  | "ok"
  | "error"
  | "timeout"
  | "interrupted"
  | "kernel_died"
  | "unknown"
  | "lost";

/** An execution without its output. Times are milliseconds since the epoch. */
export interface ExecutionRecord {
  readonly id: string;
  readonly owner: string;
  readonly tool: string;
  readonly sandboxId: string | undefined;
  /** The name of the context whose kernel it uses; undefined if it uses none. */
  readonly context: string | undefined;
  /** The first line of the source, cut. */
  readonly source: string;
  readonly state: ExecutionState;
  readonly createdAt: number;
  readonly endedAt: number | undefined;
  /** How long it ran, ms. */
  readonly elapsedMs: number;
  /** How much output there was. */
  readonly outputBytes: number;
  /** Whether the output is no longer kept. */
  readonly dropped: boolean;
}

/**
 * The error of an execution whose sandbox has ended.
 *
 * @param record What is known of it.
 * @param reason Why the sandbox ended, without a final period.
 */
export function lostError(record: ExecutionRecord, reason: string): OmcpError {
  const { id, tool, sandboxId, source, state, createdAt, endedAt, outputBytes } = record;
  const end = endedAt === undefined
    ? `${state} when the sandbox ended`
    : `${state}, ended ${new Date(endedAt).toISOString()}`;
  return new OmcpError(
    "execution_lost",
    `Execution ${id} is gone${sandboxId === undefined ? "" : ` with sandbox ${sandboxId}`}: ${reason}`,
    {
      state: `It was ${tool}, started ${new Date(createdAt).toISOString()}, ${end}, with ${
        counted(outputBytes, "byte")
      } of output, which is gone; first line: ${JSON.stringify(source)}`,
      next: "Create a new sandbox with create_sandbox and run again what is needed.",
    },
  );
}
