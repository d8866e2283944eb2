/** How calls on a sandbox end when the sandbox or their client does not let them end well. */
import { OmcpError } from "../errors.ts";
import type { CellOutcome, CellOutput } from "./cell.ts";

/**
 * The error of a call on a sandbox that ended by itself.
 *
 * @param id The sandbox's handle.
 * @param reason Why it ended, without a final period.
 * @param oom Whether its memory limit ended it.
 */
export function lostError(id: string, reason: string, oom: boolean): OmcpError {
  return new OmcpError(
    oom ? "out_of_memory" : "sandbox_lost",
    oom ? `Sandbox ${id} met its memory limit and was ended` : `Sandbox ${id} is lost: ${reason}`,
    {
      state: "Its variables and files are gone. It is not known how far the last cell ran.",
      next: "Create a new sandbox with create_sandbox and run again what is needed.",
    },
  );
}

/**
 * The error of a call that its client gave up.
 *
 * @param state What became of the cell.
 * @param cause What ended it.
 */
export function cancelledError(state: string, cause?: unknown): OmcpError {
  return new OmcpError("cancelled", "The call was cancelled", { state, cause });
}

/**
 * The outcome of a cell that has not been answered when its caller must be.
 *
 * @param outputs What came of it so far.
 * @param elapsedMs Milliseconds since it began.
 */
export function recovering(outputs: readonly CellOutput[], elapsedMs: number): CellOutcome {
  const bytes = { stdout: 0, stderr: 0 };
  for (const output of outputs) {
    if (output.type === "stream") bytes[output.name] += new TextEncoder().encode(output.text).byteLength;
  }
  return {
    status: "timeout",
    kernel: "recovering",
    elapsed_ms: elapsedMs,
    outputs: [...outputs],
    output: {
      stdout: { bytes: bytes.stdout, kept: bytes.stdout },
      stderr: { bytes: bytes.stderr, kept: bytes.stderr },
      displays: { count: 0, kept: 0, bytes: 0 },
    },
    background_processes: 0,
    background_threads: 0,
  };
}
