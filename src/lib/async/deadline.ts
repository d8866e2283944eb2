/**
 * Deadlines that do not blame others for a standstill of this process. After a pause (a stopped process, a suspended machine, a
 * starved one) timers fire before waiting input is read: the answer may lie there. So each is judged a little later then.
 */
import { OmcpError, type OmcpErrorOptions } from "../../errors.ts";

/** How often a standstill is looked for while any deadline runs. */
const LOOK_EVERY_MS = 250;
/** A look this late says that the process stood still. */
const STANDSTILL_MS = 1000;
/** So long after a standstill nothing is judged: what waits is read first. */
const GRACE_MS = 5000;
/** How often one deadline is put off: a process that keeps stopping must not wait for ever. */
const MAX_GRACES = 3;

/** Notices that this process stood still. It looks only while somebody waits. */
class StandstillWatch {
  #waiting = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #looked = 0;
  #resumed = -Infinity;

  enter(): void {
    this.#waiting += 1;
    if (this.#waiting > 1) return;
    this.#looked = performance.now();
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  leave(): void {
    this.#waiting -= 1;
    if (this.#waiting === 0) clearInterval(this.#timer);
  }

  /** Milliseconds that waiting input still has to be read. */
  graceLeft(): number {
    this.#look();
    return Math.max(0, this.#resumed + GRACE_MS - this.#looked);
  }

  #look(): void {
    const now = performance.now();
    if (now - this.#looked > STANDSTILL_MS) this.#resumed = now;
    this.#looked = now;
  }
}

const standstill = new StandstillWatch();

/** A deadline that runs; it is called off by disposing of it. */
export class Deadline implements Disposable {
  readonly #onExpired: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #graces = 0;
  #over = false;

  /**
   * Begins at once.
   *
   * @param ms Milliseconds, at most 2^31 - 1.
   * @param onExpired Called once, unless it is called off before.
   */
  constructor(ms: number, onExpired: () => void) {
    this.#onExpired = onExpired;
    standstill.enter();
    this.#arm(ms);
  }

  /** Calls it off. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    standstill.leave();
  }

  #arm(ms: number): void {
    this.#timer = setTimeout(() => {
      const grace = this.#graces < MAX_GRACES ? standstill.graceLeft() : 0;
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

/** A {@link Deadline} as a signal: it is aborted with a `timeout` error. */
export class DeadlineSignal implements Disposable {
  /** Aborted when the time is over. */
  readonly signal: AbortSignal;
  readonly #deadline: Deadline;

  /**
   * Begins at once.
   *
   * @param ms Milliseconds.
   */
  constructor(ms: number) {
    const controller = new AbortController();
    this.signal = controller.signal;
    this.#deadline = new Deadline(ms, () => {
      controller.abort(new OmcpError("timeout", `There was no end within ${ms / 1000} s`));
    });
  }

  /** Calls the deadline off: the signal is never aborted. */
  [Symbol.dispose](): void {
    this.#deadline[Symbol.dispose]();
  }
}

/**
 * Waits for a promise, but no longer than so long.
 *
 * @param promise What to wait for; what it rejects with is thrown.
 * @param ms Milliseconds.
 * @returns Its value, or undefined when the time is over.
 */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  using _deadline = new Deadline(ms, () => late.resolve(undefined));
  return await Promise.race([promise, late.promise]);
}

/**
 * The error of work that a signal cut off. Only who called cancels: a deadline that was passed on as a signal is a `timeout`, and a
 * signal's own error keeps its code.
 *
 * @param reason The signal's reason.
 * @param what What could not be done, as in "Cannot start container x".
 * @param options State and next step.
 */
export function abortError(reason: unknown, what: string, options: OmcpErrorOptions = {}): OmcpError {
  const more = { ...options, cause: reason };
  if (reason instanceof OmcpError) {
    return new OmcpError(reason.code, `${what}: ${lowerFirst(reason.message)}`, {
      ...(reason.next === undefined ? {} : { next: reason.next }),
      ...more,
    });
  }
  if (reason instanceof DOMException && reason.name === "TimeoutError") {
    return new OmcpError("timeout", `${what}: the time for it is over`, more);
  }
  return new OmcpError("cancelled", `${what}: the caller cancelled`, more);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
