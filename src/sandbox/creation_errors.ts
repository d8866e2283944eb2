/** The errors of creations. */
import { OmcpError } from "../errors.ts";

/**
 * The error of a failed creation.
 *
 * @param error What it threw.
 * @param state What remains of it.
 * @param expired The time that it had, ms, if that is over.
 */
export function creationError(error: unknown, state: string, expired: number | undefined): unknown {
  if (expired !== undefined) {
    return new OmcpError("timeout", `Creating a sandbox timed out after ${expired / 1000} s`, {
      state,
      next: "The engine is busy, slow or hangs; try again.",
      cause: error,
    });
  }
  return error instanceof OmcpError ? error.with({ state }) : error;
}

/** The error of a call that begins while the server shuts down. */
export function shuttingDown(): OmcpError {
  return new OmcpError("shutting_down", "The server is shutting down", { state: "No sandbox was created." });
}
