import { abortError, Deadline } from "./deadline.ts";
import { OmcpError } from "../../errors.ts";

/** How {@link withDeadline} bounds a piece of work. */
export interface DeadlineOptions {
  /** What is done, as in "create container x"; becomes part of the message. */
  readonly action: string;
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  /** What remains if the work is cut off, as a sentence. */
  readonly state: string;
}

/** The longest deadline a timer can hold, in milliseconds. */
const MAX_DEADLINE_MS = 2_147_483_647;

/**
 * Runs work that ends at its deadline or with its caller's signal, even if it does not heed the signal it is given.
 *
 * @param options The bounds.
 * @param work What to do; its signal is aborted when the time is over, and once it has ended.
 * @returns What the work returns.
 * @throws {OmcpError} `timeout` at the deadline, `cancelled` on the caller's signal (or the signal's own error, which may be a deadline's), `invalid_argument` for a deadline that is none.
 */
export async function withDeadline<T>(
  options: DeadlineOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { action, deadlineMs, signal, state } = options;
  if (!(deadlineMs > 0 && deadlineMs <= MAX_DEADLINE_MS)) {
    throw new OmcpError(
      "invalid_argument",
      `Cannot ${action}: the deadline must be 1 to ${MAX_DEADLINE_MS} ms: received ${deadlineMs}`,
    );
  }
  if (signal?.aborted) throw abortError(signal.reason, `Cannot ${action}`, { state: "It did not run." });
  const controller = new AbortController();
  const cut = Promise.withResolvers<never>();
  function expire(): void {
    cut.reject(
      new OmcpError("timeout", `Cannot ${action}: no end within ${deadlineMs} ms`, {
        state,
        next: "Check that the container engine is healthy, then try again.",
      }),
    );
  }
  function onAbort(): void {
    cut.reject(abortError(signal?.reason, `Cannot ${action}`, { state }));
  }
  using _deadline = new Deadline(deadlineMs, expire);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const running = work(controller.signal);
    // The loser of the race must not become an unhandled rejection.
    running.catch(ignore);
    return await Promise.race([running, cut.promise]);
  } finally {
    signal?.removeEventListener("abort", onAbort);
    controller.abort();
  }
}

function ignore(): void {}
