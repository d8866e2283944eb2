/**
 * Says when a new sandbox may import its slow modules ahead of a cell: numpy, pandas and the like, which take most of a start's processor
 * time. Sandboxes that are created at once, and their first cells, come before that.
 */
import { type Clock, SYSTEM_CLOCK } from "../lib/clock.ts";
import type { AgentContainer } from "../runtime/mod.ts";

/** The wait after the last creation, ms: its sandbox's first cell may be on its way. */
const QUIET_MS = 100;
/** The longest wait, however many creations follow, ms. */
const LONGEST_WAIT_MS = 3000;
const REPLY_MS = 10_000;

/** What is needed of a container. */
interface Preloadable {
  readonly channel: Pick<AgentContainer["channel"], "request">;
  readonly ended: Promise<unknown>;
}

/**
 * Has a sandbox import its slow modules now.
 *
 * @param container Its container.
 */
export function preload({ channel }: Pick<Preloadable, "channel">): void {
  // Without it, or if the sandbox has ended, nothing is lost but time.
  channel.request("preload", {}, { deadlineMs: REPLY_MS }).catch(() => {});
}

/** The new sandboxes of one server that have yet to import their modules. */
export class Preloads {
  readonly #isBusy: () => boolean;
  readonly #clock: Clock;
  readonly #waiting = new Map<Preloadable, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param isBusy Whether a creation runs or waits.
   * @param clock Where it reads the time.
   */
  constructor(isBusy: () => boolean, clock: Clock = SYSTEM_CLOCK) {
    this.#isBusy = isBusy;
    this.#clock = clock;
  }

  /**
   * Has a new sandbox import its modules when no other is being created.
   *
   * @param container Its container.
   */
  add(container: Preloadable): void {
    this.#waiting.set(container, this.#clock.monotonic());
    void container.ended.then(() => this.#waiting.delete(container));
    this.#tickLater();
  }

  /** Has nothing more imported. */
  close(): void {
    clearTimeout(this.#timer);
    this.#waiting.clear();
  }

  /** Each creation restarts the wait, but not beyond the longest wait of the oldest sandbox. */
  #tickLater(): void {
    clearTimeout(this.#timer);
    const now = this.#clock.monotonic();
    const [oldest = now] = this.#waiting.values();
    const rest = Math.max(0, oldest + LONGEST_WAIT_MS - now);
    this.#timer = setTimeout(() => this.#tick(rest >= QUIET_MS), Math.min(QUIET_MS, rest));
  }

  #tick(isQuiet: boolean): void {
    const busy = !isQuiet || this.#isBusy();
    const now = this.#clock.monotonic();
    for (const [container, since] of this.#waiting) {
      if (busy && now - since < LONGEST_WAIT_MS) continue;
      this.#waiting.delete(container);
      preload(container);
    }
    if (this.#waiting.size > 0) this.#tickLater();
  }
}
