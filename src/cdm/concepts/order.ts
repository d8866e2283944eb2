/** Orders lists of hundreds of thousands without holding the server up: sorted slices are merged, and others get a turn in between. */
import { pacer } from "./pacer.ts";

/** Entries that are sorted at once: this takes less than a millisecond. */
const SLICE = 1_000;

/**
 * Orders a list.
 *
 * @param list The list; it is not changed.
 * @param compare As for `Array.sort()`.
 * @returns The list in order; equal entries keep theirs.
 */
export async function ordered<T>(
  list: readonly T[],
  compare: (left: T, right: T) => number,
): Promise<readonly T[]> {
  const pause = pacer();
  let runs: (readonly T[])[] = [];
  for (let from = 0; from < list.length; from += SLICE) {
    runs.push(list.slice(from, from + SLICE).sort(compare));
    await pause();
  }
  while (runs.length > 1) {
    const merged: (readonly T[])[] = [];
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(await merge([runs[at] ?? [], runs[at + 1] ?? []], compare, pause));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge<T>(
  [left, right]: readonly [readonly T[], readonly T[]],
  compare: (left: T, right: T) => number,
  pause: ReturnType<typeof pacer>,
): Promise<readonly T[]> {
  const merged: T[] = [];
  let taken = 0;
  for (const one of left) {
    for (let other = right[taken]; other !== undefined && compare(other, one) < 0; other = right[++taken]) {
      merged.push(other);
    }
    merged.push(one);
    const wait = pause();
    if (wait !== undefined) await wait;
  }
  return merged.concat(right.slice(taken));
}
