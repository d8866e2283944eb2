/** Errors and outcomes of cells that did not run, were interrupted, or to which the agent has not replied. */
import type { ReplyError } from "../../agent_protocol/mod.ts";
import type { AgentErrorCode, ExecutionOutput } from "../../agent_protocol/messages/mod.ts";
import { type ErrorCode, OmcpError } from "../../errors.ts";
import { utf8Bytes } from "../../lib/bytes.ts";
import type { ExecutionOutcome } from "./outcome.ts";

/**
 * The error of a call that its client cancelled, or of an execution that was interrupted.
 *
 * @param state What was done, as a sentence.
 * @param cause The abort reason. If it is a `cancelled` error, its message is kept: it says what was cancelled.
 */
export function cancelledError(state: string, cause?: unknown): OmcpError {
  const known = cause instanceof OmcpError && cause.code === "cancelled";
  return new OmcpError("cancelled", known ? cause.message : "The call was cancelled", {
    state,
    cause,
    ...(known ? { retryable: cause.retryable } : {}),
  });
}

/**
 * The error with which an interrupted execution ends.
 *
 * @param state What was done, as a sentence.
 */
export function interruptedError(state: string): OmcpError {
  // Not retryable: somebody wanted it to end, and a client that retries by itself would undo that.
  return new OmcpError("cancelled", "The execution was interrupted", { state, retryable: false });
}

/**
 * The state of a cell that was interrupted.
 *
 * @param outcome What is known of the cell.
 */
export function afterInterrupt(outcome: ExecutionOutcome): string {
  const cell = outcome.status === "ok" || outcome.status === "error"
    ? `The cell had ended before (${outcome.status})`
    : "The cell was interrupted";
  switch (outcome.kernel) {
    case "kept":
      return `${cell}; variables are kept`;
    case "restarted":
      return `${cell} and its kernel restarted: variables are lost, files in /workspace remain`;
    case "restarting":
      return `${cell}; variables are lost: its kernel is about to be restarted, files in /workspace remain`;
    case "unknown":
      return "The sandbox has not confirmed that the cell has ended: it is unknown whether variables are kept. " +
        "The next cell waits for it";
  }
}

/** For each error code of the agent: the code for the caller, whether the cell ran, and the next step. */
const AGENT_CODES: Readonly<
  Partial<Record<AgentErrorCode, { readonly code: ErrorCode; readonly ran: boolean; readonly next: string }>>
> = {
  invalid_argument: { code: "invalid_argument", ran: false, next: "Change the call accordingly." },
  unknown_method: { code: "internal", ran: false, next: "Report this as a defect." },
  busy: { code: "sandbox_busy", ran: false, next: "Wait for the running cell to end, then try again." },
  no_pipes: {
    code: "sandbox_busy",
    ran: false,
    next: "End what the cells left running, or create another sandbox.",
  },
  kernel_unavailable: {
    code: "kernel_unavailable",
    ran: false,
    next: "Try again once; if it fails again, create another sandbox.",
  },
};

/**
 * The error of a cell to which the agent replied with an error.
 *
 * @param error The agent's reply. A code that this program does not know says nothing about whether the cell ran.
 */
export function agentError(error: ReplyError): OmcpError {
  const known = Object.entries(AGENT_CODES).find(([code]) => code === error.code)?.[1];
  return new OmcpError(known?.code ?? "outcome_unknown", error.message, {
    state: known?.ran === false
      ? "The cell did not run; variables are as they were."
      : "It is unknown whether the cell ran and whether variables are kept.",
    next: known?.next ?? "Look at the variables before you run the cell again.",
    details: { agent_code: error.code },
    cause: error,
  });
}

/**
 * The outcome for a caller whose time is over before the agent has replied.
 *
 * @param status Why the cell should have ended.
 * @param outputs Its outputs so far.
 * @param elapsedMs Milliseconds since it began.
 */
export function unconfirmed(
  status: "timeout" | "interrupted",
  outputs: readonly ExecutionOutput[],
  elapsedMs: number,
): ExecutionOutcome {
  const bytes = { stdout: 0, stderr: 0 };
  for (const output of outputs) {
    if (output.type === "stream") bytes[output.name] += utf8Bytes(output.text);
  }
  return {
    status,
    kernel: "unknown",
    elapsedMs: Math.round(elapsedMs),
    outputs: [...outputs],
    output: {
      stdout: { bytes: bytes.stdout, kept: bytes.stdout },
      stderr: { bytes: bytes.stderr, kept: bytes.stderr },
      displays: { count: 0, kept: 0, bytes: 0 },
    },
    executionCount: 0,
    died: null,
    lost: null,
    oomKills: 0,
    forged: false,
    backgroundProcesses: 0,
    backgroundThreads: 0,
    cpuMs: null,
    peakMemoryBytes: null,
    files: { changed: [], count: 0, complete: false },
    saved: { stdout: null, stderr: null },
  };
}
