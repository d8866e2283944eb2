/** The signals that end a server. */

/** Deadline of the shutdown; after it the process exits without waiting. */
export const SHUTDOWN_DEADLINE_MS = 5000;

/** A terminal's Ctrl-C reaches the server and its launcher, which forwards it: both within this many milliseconds. */
const SAME_SIGNAL_MS = 500;

/** SIGHUP: the terminal was closed. */
const SHUTDOWN_SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** Resolves at the first of {@link SHUTDOWN_SIGNALS}; a second one ends the process at once. */
export function shutdownSignal(): { promise: Promise<string>; dispose: () => void } {
  const { promise, resolve } = Promise.withResolvers<string>();
  let forced: ReturnType<typeof setTimeout> | undefined;
  let first = 0;
  function onSignal(): void {
    if (forced !== undefined) {
      if (performance.now() - first < SAME_SIGNAL_MS) return;
      Deno.exit(1);
    }
    first = performance.now();
    forced = setTimeout(() => Deno.exit(1), SHUTDOWN_DEADLINE_MS);
    resolve("a signal arrived");
  }
  for (const name of SHUTDOWN_SIGNALS) Deno.addSignalListener(name, onSignal);
  function dispose(): void {
    clearTimeout(forced);
    for (const name of SHUTDOWN_SIGNALS) Deno.removeSignalListener(name, onSignal);
  }
  return { promise, dispose };
}
