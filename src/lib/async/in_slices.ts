import { setImmediate } from "node:timers";

/** How long a computation holds the event loop, in ms. */
const SLICE_MS = 10;

/** A computation that yields at least every few ms. */
export type Steps<T> = Generator<void, T>;

/**
 * Runs a long computation in slices, between which everything else goes on.
 *
 * @param steps The computation.
 * @param signal Ends it between two steps.
 * @returns What it returns.
 * @throws What it throws, or the signal's reason.
 */
export async function inSlices<T>(steps: Steps<T>, signal: AbortSignal): Promise<T> {
  // Ends the steps where the signal or an error does: their own `finally` runs.
  using ended = steps;
  signal.throwIfAborted();
  for (let start = performance.now();;) {
    const step = ended.next();
    if (step.done === true) return step.value;
    if (performance.now() - start < SLICE_MS) continue;
    await new Promise<void>((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    start = performance.now();
  }
}
