import { addAbortListener } from "node:events";

/**
 * Waits for a promise until a signal is aborted. The work behind the promise continues; its later failure is ignored.
 *
 * @param promise What to wait for.
 * @param signal Ends the wait; if absent, only the promise does.
 * @returns The promise's value.
 * @throws What the promise rejects with, or the signal's reason.
 */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  if (signal.aborted) reject(signal.reason);
  using _listener = addAbortListener(signal, () => reject(signal.reason));
  return await Promise.race([aborted, promise]);
}
