/** Chooses the sandbox that a new one replaces when there is no room. */
import type { Sandbox } from "./sandbox.ts";

/** A sandbox that was removed for a new one. */
export interface Eviction {
  /** Its handle. */
  readonly sandboxId: string;
  /** How long no call had used it, ms. */
  readonly unusedMs: number;
}

/**
 * Chooses the sandbox that has been unused for the longest. It never chooses a sandbox that a call uses or that is being removed.
 *
 * @param sandboxes Sandboxes whose removal would make room.
 * @param leastMs A sandbox unused for a shorter time is kept.
 * @returns The sandbox and for how long it has been unused; undefined if every one must be kept.
 */
export function longestUnused<S extends Pick<Sandbox, "isEnding" | "unusedMs">>(
  sandboxes: Iterable<S>,
  leastMs: number,
): { readonly sandbox: S; readonly unusedMs: number } | undefined {
  let found: { readonly sandbox: S; readonly unusedMs: number } | undefined;
  for (const sandbox of sandboxes) {
    const { unusedMs } = sandbox;
    if (sandbox.isEnding || unusedMs < leastMs || unusedMs <= (found?.unusedMs ?? 0)) continue;
    found = { sandbox, unusedMs };
  }
  return found;
}
