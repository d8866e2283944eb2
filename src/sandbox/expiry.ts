/** Removal of sandboxes that are idle for too long, or too old. */
import { type Clock, SYSTEM_CLOCK } from "../lib/clock.ts";
import type { Sandbox } from "./sandbox.ts";

/** How often sandboxes are checked, in milliseconds. */
export const EXPIRY_INTERVAL_MS = 1000;

/** Removes the sandboxes that have expired. Its owner calls it every {@link EXPIRY_INTERVAL_MS}. */
export class Expiry {
  readonly #clock: Clock;
  #lastCheck: number;

  /** @param clock Measures the time between checks. */
  constructor(clock: Clock = SYSTEM_CLOCK) {
    this.#clock = clock;
    this.#lastCheck = clock.monotonic();
  }

  /**
   * Removes those that have expired. A late check does nothing: this process was suspended, and calls that it has not read yet
   * may use a sandbox.
   *
   * @param sandboxes The live sandboxes.
   */
  expireSandboxes(sandboxes: Iterable<Pick<Sandbox, "expiryReason" | "remove">>): void {
    const now = this.#clock.monotonic();
    const late = now - this.#lastCheck > 2 * EXPIRY_INTERVAL_MS;
    this.#lastCheck = now;
    if (late) return;
    for (const sandbox of sandboxes) {
      const reason = sandbox.expiryReason;
      if (reason !== undefined) sandbox.remove("expired", reason);
    }
  }
}
