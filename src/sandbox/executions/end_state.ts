/** The state in which an execution ends, and how much it produced. */
import { OmcpError } from "../../errors.ts";
import type { ExecutionResult } from "./execution_spec.ts";
import type { ExecutionState } from "./record.ts";

/**
 * The state after a result.
 *
 * @param result The result.
 */
export function stateOfResult(result: ExecutionResult): ExecutionState {
  if (result.kind === "text") return "ok";
  return result.outcome.kernel === "unknown" ? "unknown" : result.outcome.status;
}

/**
 * The state after an error.
 *
 * @param error The error.
 * @param reason Why its signal was aborted, if it was.
 */
export function stateOfError({ code }: OmcpError, reason: unknown): ExecutionState {
  switch (code) {
    case "cancelled":
      return "interrupted";
    case "timeout":
      return reason instanceof OmcpError && reason.code === "cancelled" ? "interrupted" : "timeout";
    case "outcome_unknown":
      return "unknown";
    case "sandbox_lost":
    case "sandbox_not_found":
    case "out_of_memory":
    case "shutting_down":
    case "execution_lost":
      return "lost";
    default:
      return "error";
  }
}

/**
 * The bytes that a cell produced; the log has only those that the agent sent.
 *
 * @param result The result.
 */
export function producedBytes(result: ExecutionResult | undefined): number {
  if (result?.kind !== "cell") return 0;
  const { stdout, stderr, displays } = result.outcome.output;
  return stdout.bytes + stderr.bytes + displays.bytes;
}
