import { OmcpError, type OmcpErrorOptions } from "../../errors.ts";

/**
 * The error for work that a signal ended. It is `cancelled` only if a caller cancelled: a deadline's signal makes it a `timeout`, and
 * an error that is the signal's reason keeps its code.
 *
 * @param reason The signal's reason.
 * @param what What could not be done, as in "Cannot start container x".
 * @param options State and next step.
 */
export function abortError(reason: unknown, what: string, options: OmcpErrorOptions = {}): OmcpError {
  const more = { ...options, cause: reason };
  if (reason instanceof OmcpError) {
    return new OmcpError(reason.code, `${what}: ${lowerFirst(reason.message)}`, {
      ...(reason.next === undefined ? {} : { next: reason.next }),
      ...more,
    });
  }
  if (reason instanceof DOMException && reason.name === "TimeoutError") {
    return new OmcpError("timeout", `${what}: timed out`, more);
  }
  return new OmcpError("cancelled", `${what}: the caller cancelled`, more);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
