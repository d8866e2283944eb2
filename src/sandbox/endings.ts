/** Errors and outcomes of calls whose sandbox has ended or did not reply in time, or which the client cancelled. */
import type { ReplyError } from "../agent_protocol/mod.ts";
import type { AgentErrorCode, ExecutionOutput } from "../agent_protocol/messages/mod.ts";
import { type ErrorCode, OmcpError } from "../errors.ts";
import type { ExecutionOutcome } from "./outcome.ts";

/** Why a sandbox ended. */
export interface SandboxEnd {
  /** `lost`: it ended by itself. */
  readonly state: "removed" | "expired" | "lost";
  /** Without a final period. */
  readonly reason: string;
  /** Whether its memory limit ended it. */
  readonly oom: boolean;
}

/**
 * The error of a call on a sandbox that has ended.
 *
 * @param id The sandbox's handle.
 * @param end Why it ended.
 * @param known `removed`: the removal of its container is confirmed. `sent`: false where the call's cell certainly did not reach it.
 */
export function endedError(
  id: string,
  end: SandboxEnd,
  { removed, sent = true }: { readonly removed: boolean; readonly sent?: boolean },
): OmcpError {
  if (end.state !== "lost") {
    return new OmcpError(
      "sandbox_not_found",
      `Sandbox ${id} ${removed ? "has been" : "is being"} removed: ${end.reason}`,
      { state: "Its variables and files are gone.", next: "Create a new sandbox with create_sandbox." },
    );
  }
  return new OmcpError(
    end.oom ? "out_of_memory" : "sandbox_lost",
    end.oom
      ? `The memory limit of sandbox ${id} was reached, which ended it`
      : `Sandbox ${id} is lost: ${end.reason}`,
    {
      state: `Its variables and files are gone. ${
        sent ? "It is unknown how far the last cell ran." : "The last cell did not run."
      }`,
      next: "Create a new sandbox with create_sandbox and run again what is needed.",
    },
  );
}

/**
 * The error of a call that its client cancelled.
 *
 * @param state The cell's state, as a sentence.
 * @param cause The abort reason.
 */
export function cancelledError(state: string, cause?: unknown): OmcpError {
  return new OmcpError("cancelled", "The call was cancelled", { state, cause });
}

/**
 * The state of a cell that was interrupted because its call was cancelled.
 *
 * @param outcome The agent's reply; undefined where there is none yet.
 */
export function afterInterrupt(outcome: ExecutionOutcome | undefined): string {
  if (outcome === undefined) {
    return "The sandbox has not confirmed that the cell has ended: it is unknown whether variables are kept. " +
      "The next cell waits for it";
  }
  const cell = outcome.status === "ok" || outcome.status === "error"
    ? `The cell had ended before (${outcome.status})`
    : "The cell was interrupted";
  switch (outcome.kernel) {
    case "kept":
      return `${cell}; variables are kept`;
    case "restarted":
      return `${cell} and its kernel restarted: variables are lost, files in /workspace remain`;
    case "unknown":
      return `${cell}; it is unknown whether variables are kept`;
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
  return new OmcpError(known?.code ?? "unknown_outcome", error.message, {
    state: known?.ran === false
      ? "The cell did not run; variables are as they were."
      : "It is unknown whether the cell ran and whether variables are kept.",
    next: known?.next ?? "Look at the variables before you run the cell again.",
    details: { agent_code: error.code },
    cause: error,
  });
}

/**
 * The outcome of a cell that has no reply when its caller must have an outcome.
 *
 * @param outputs Its outputs so far.
 * @param elapsedMs Milliseconds since it began.
 */
export function unconfirmed(outputs: readonly ExecutionOutput[], elapsedMs: number): ExecutionOutcome {
  const bytes = { stdout: 0, stderr: 0 };
  for (const output of outputs) {
    if (output.type === "stream") bytes[output.name] += new TextEncoder().encode(output.text).byteLength;
  }
  return {
    status: "timeout",
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
