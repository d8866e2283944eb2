const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * Writes a length of time for people, rounded down.
 *
 * @param ms Milliseconds; a negative time counts as zero.
 * @returns As in `45 s`, `20 min`, `2 h` and `2 h 5 min`.
 */
export function readableDuration(ms: number): string {
  if (ms < MINUTE_MS) return `${Math.floor(Math.max(0, ms) / 1000)} s`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`;
  const minutes = Math.floor((ms % HOUR_MS) / MINUTE_MS);
  return `${Math.floor(ms / HOUR_MS).toLocaleString("en")} h${minutes === 0 ? "" : ` ${minutes} min`}`;
}
