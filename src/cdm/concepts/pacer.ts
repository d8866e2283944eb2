/** Lets the server do other work while it reads millions of rows, which arrive faster than they are handled. */

/** After this many milliseconds of work, others get a turn, which is as long as the pause. */
const WORK_MS = 5;
const PAUSE_MS = 2;

/**
 * Makes a function to be called after each row.
 *
 * @returns The function. After some milliseconds of work it returns a promise, for which the next row waits: others get a turn.
 */
export function pacer(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < WORK_MS) return undefined;
    return new Promise((resolve) =>
      setTimeout(() => {
        since = performance.now();
        resolve();
      }, PAUSE_MS)
    );
  };
}
