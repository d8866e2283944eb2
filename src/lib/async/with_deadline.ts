import { OmcpError } from "../../errors.ts";
import { abortable } from "./abortable.ts";
import { abortError } from "./abort_error.ts";
import { DeadlineSignal } from "./deadline.ts";

/** How {@link withDeadline} bounds its work. */
export interface DeadlineOptions {
  /** What it does, such as "create container x"; a part of the message. */
  readonly action: string;
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  /** What state remains if the work is aborted, as a sentence. */
  readonly state: string;
  /** What to do after a timeout, as a sentence. */
  readonly next?: string;
}

/** The longest deadline that a timer can hold, in milliseconds. */
const MAX_DEADLINE_MS = 2_147_483_647;

/**
 * Runs work until its deadline or its caller's signal, even if the work ignores the signal that it receives.
 *
 * @param options The bounds.
 * @param work What to do; its signal is aborted when the time is over or the caller cancels.
 * @returns What the work returns.
 * @throws {OmcpError} `timeout` at the deadline, `cancelled` on the caller's signal (or the signal's own error, which may be a
 * deadline's), `invalid_argument` for a deadline out of range.
 */
export async function withDeadline<T>(
  options: DeadlineOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { action, deadlineMs, signal, state, next } = options;
  if (!(deadlineMs > 0 && deadlineMs <= MAX_DEADLINE_MS)) {
    throw new OmcpError(
      "invalid_argument",
      `Cannot ${action}: the deadline must be 1 to ${MAX_DEADLINE_MS} ms; received ${deadlineMs}`,
    );
  }
  if (signal?.aborted) throw abortError(signal.reason, `Cannot ${action}`, { state: "It did not run." });
  using deadline = new DeadlineSignal(deadlineMs, signal);
  try {
    return await abortable(work(deadline.signal), deadline.signal);
  } catch (error) {
    if (!deadline.signal.aborted) throw error;
    throw abortError(deadline.signal.reason, `Cannot ${action}`, {
      state,
      ...(next !== undefined && deadline.expired ? { next } : {}),
    });
  }
}
