/** The lock on an instance, which a server holds while it runs: see `lock_container.ts`. */
import { within } from "../lib/async/deadline.ts";
import { OmcpError } from "../errors.ts";
import { logger } from "../observability/log.ts";
import { acquireLock, type Holding, type LockOptions, RELEASE_MS } from "./lock_container.ts";

const log = logger("runtime");

/** The wait between attempts to reacquire a lost lock; it doubles each time. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;

/** What an {@link InstanceLock} needs. */
export interface InstanceLockOptions extends LockOptions {
  /** Called with an `instance_in_use` error when the lock was lost and another server has acquired it. */
  readonly onLost: (error: Error) => void;
}

/** A held lock. */
export class InstanceLock {
  readonly #options: InstanceLockOptions;
  readonly #wake = Promise.withResolvers<void>();
  #holding: Holding | undefined;
  #reacquiring: Promise<void> | undefined;
  #released = false;

  private constructor(options: InstanceLockOptions) {
    this.#options = options;
  }

  /**
   * Acquires the lock; waits a few seconds for a holder that may be ending.
   *
   * @param options See {@link InstanceLockOptions}.
   * @returns The lock.
   * @throws {OmcpError} `instance_in_use`, which leaves the holder untouched, or the runtime's errors.
   */
  static async acquire(options: InstanceLockOptions): Promise<InstanceLock> {
    const lock = new InstanceLock(options);
    lock.#hold(await acquireLock(options));
    return lock;
  }

  /** Releases the lock. Idempotent; a container whose removal fails ends by itself. */
  async release(): Promise<void> {
    this.#released = true;
    this.#wake.resolve();
    // A lock that is being reacquired is released, too.
    if (this.#reacquiring !== undefined) await within(this.#reacquiring, RELEASE_MS);
    const holding = this.#holding;
    this.#holding = undefined;
    if (holding !== undefined) await this.#drop(holding);
  }

  #hold(holding: Holding): void {
    this.#holding = holding;
    void holding.closed.then(() => {
      if (!this.#released) this.#reacquiring = this.#reacquire(holding);
    });
  }

  /** Reacquires the lock after somebody removed the container by hand, or the engine restarted: at once, because another server could acquire it. */
  async #reacquire(lost: Holding): Promise<void> {
    const { instance } = this.#options;
    for (let wait = FIRST_WAIT_MS; !this.#released; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
      log.warning("The lock of instance {instance} is lost: reacquiring it", { instance });
      // Where only the attach broke, the container still runs, and would look like another server's lock.
      if (await this.#drop(lost) && await this.#acquireAgain()) return;
      await within(this.#wake.promise, wait);
    }
  }

  /** Returns whether there is nothing more to try: it is acquired, or another server has it. */
  async #acquireAgain(): Promise<boolean> {
    try {
      this.#hold(await acquireLock(this.#options));
      return true;
    } catch (error) {
      if (error instanceof OmcpError && error.code === "instance_in_use") {
        if (!this.#released) this.#options.onLost(error);
        return true;
      }
      log.warning("Cannot reacquire the lock: {error}", { error: String(error) });
      return false;
    }
  }

  /** By the container's id: another server's container may have its name now. Returns whether the container has gone. */
  async #drop(holding: Holding): Promise<boolean> {
    holding.end();
    try {
      await this.#options.runtime.removeContainer(holding.id, { deadlineMs: RELEASE_MS });
      return true;
    } catch (error) {
      log.warning("Cannot remove a lock, which ends by itself: {error}", { error: String(error) });
      return false;
    }
  }
}
