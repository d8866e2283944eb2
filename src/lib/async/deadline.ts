/**
 * Deadlines that allow for pauses of this process. After a pause (the process was stopped, its machine suspended or overloaded) timers
 * fire before waiting input is read, and that input may hold the answer: deadlines then get a grace period.
 */
import { addAbortListener } from "node:events";
import { OmcpError } from "../../errors.ts";

/** How often the detector checks for a pause while any deadline runs. */
const CHECK_EVERY_MS = 250;
/** A check that comes this late means that the process was paused. */
const PAUSE_MS = 1000;
/** After a pause no deadline expires for this long: waiting input is read first. */
const GRACE_MS = 5000;
/** How often one deadline is postponed: a process that keeps stopping must not wait forever. */
const MAX_GRACES = 3;

/** Detects pauses of this process while a deadline runs. */
class PauseDetector {
  #deadlines = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #checked = 0;
  #resumed = -Infinity;

  start(): void {
    this.#deadlines += 1;
    if (this.#deadlines > 1) return;
    this.#checked = performance.now();
    this.#timer = setInterval(() => this.#check(), CHECK_EVERY_MS);
  }

  stop(): void {
    this.#deadlines -= 1;
    if (this.#deadlines === 0) clearInterval(this.#timer);
  }

  /** Milliseconds that remain for reading waiting input. */
  graceLeft(): number {
    this.#check();
    return Math.max(0, this.#resumed + GRACE_MS - this.#checked);
  }

  #check(): void {
    const now = performance.now();
    if (now - this.#checked > PAUSE_MS) this.#resumed = now;
    this.#checked = now;
  }
}

const pauses = new PauseDetector();

/** A running deadline; disposal cancels it. */
export class Deadline implements Disposable {
  readonly #onExpired: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #graces = 0;
  #ended = false;

  /**
   * Starts at once.
   *
   * @param ms Milliseconds, at most 2^31 - 1.
   * @param onExpired Called once, unless the deadline is cancelled before.
   */
  constructor(ms: number, onExpired: () => void) {
    this.#onExpired = onExpired;
    pauses.start();
    this.#arm(ms);
  }

  /** Cancels it. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    pauses.stop();
  }

  #arm(ms: number): void {
    this.#timer = setTimeout(() => {
      const grace = this.#graces < MAX_GRACES ? pauses.graceLeft() : 0;
      if (grace > 0) {
        this.#graces += 1;
        this.#arm(grace);
        return;
      }
      this[Symbol.dispose]();
      this.#onExpired();
    }, ms);
  }
}

/**
 * A {@link Deadline} as a signal, which also follows another signal. Unlike `AbortSignal.timeout`, it leaves no timer behind after its
 * disposal.
 */
export class DeadlineSignal implements Disposable {
  /** Aborted with a `timeout` error when the time is over, or with the other signal's reason. */
  readonly signal: AbortSignal;
  readonly #deadline: Deadline;
  readonly #listener: Disposable | undefined;
  #expired = false;

  /**
   * Starts at once.
   *
   * @param ms Milliseconds.
   * @param other Aborts it too.
   */
  constructor(ms: number, other?: AbortSignal) {
    const controller = new AbortController();
    this.signal = controller.signal;
    this.#deadline = new Deadline(ms, () => {
      this.#expired = !controller.signal.aborted;
      controller.abort(new OmcpError("timeout", `Timed out after ${ms / 1000} s`));
    });
    if (other?.aborted) controller.abort(other.reason);
    this.#listener = other && addAbortListener(other, () => controller.abort(other.reason));
  }

  /** Whether the time was over before the other signal was aborted. */
  get expired(): boolean {
    return this.#expired;
  }

  /** Cancels the deadline: neither it nor the other signal aborts this one any more. */
  [Symbol.dispose](): void {
    this.#deadline[Symbol.dispose]();
    this.#listener?.[Symbol.dispose]();
  }
}

/**
 * Waits for a promise for a limited time. Unlike `deadline()` of denoland/std, it reports the end of the time as a value.
 *
 * @param promise What to wait for; what it rejects with is thrown.
 * @param ms Milliseconds.
 * @returns The promise's value, or undefined when the time is over.
 */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  using _deadline = new Deadline(ms, () => late.resolve(undefined));
  return await Promise.race([promise, late.promise]);
}
