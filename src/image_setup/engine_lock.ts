/**
 * A lock in the engine itself, so that one program at a time provides its images, whichever user, machine or container it runs in. It needs no
 * permission besides that for the engine's socket. The lock is a volume, because a volume needs no image, and because the engine gives a name to only
 * one of several programs that create it. A volume's labels cannot change: each renewal is a volume with the next number.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Engine } from "../docker/mod.ts";
import { OmcpError } from "../errors.ts";
import type { Progress } from "./progress.ts";

/** Label of the lock's volumes: the holder. */
export const LABEL_LOCK = "org.omcp.image_lock";
const LABEL_EXPIRES = "org.omcp.image_lock.expires";

/** Options of {@link withEngineLock}. */
export interface EngineLockOptions {
  readonly engine: Pick<Engine, "createVolume" | "listVolumes" | "removeVolume">;
  /** Milliseconds to wait for another holder. */
  readonly deadlineMs: number;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
  /** The volumes' name; another one is for tests. @default "omcp-image-lock" */
  readonly name?: string;
  /** Milliseconds after which the lock of a program that was killed is void. @default 60000 */
  readonly leaseMs?: number;
}

/** Milliseconds between two attempts; a random part keeps two programs from colliding again. */
const POLL_MS = 500;
/** Renewals within a lease. */
const RENEWALS = 4;
/** Milliseconds that a request about the lock may take. */
const CALL_MS = 10_000;

interface Slot {
  readonly number: number;
  readonly holder: string | undefined;
  readonly live: boolean;
}

/**
 * Runs work while holding the engine's lock. A program that was paused for longer than the lease may lose the lock without notice, so the
 * work must be harmless if done twice.
 *
 * @param options The engine and the deadline.
 * @param work What to do.
 * @returns What the work returns.
 * @throws {OmcpError} `timeout` if another program holds the lock past the deadline; the engine's errors.
 */
export async function withEngineLock<T>(options: EngineLockOptions, work: () => Promise<T>): Promise<T> {
  const lock = new EngineLock(options);
  await lock.acquire();
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

class EngineLock {
  readonly #options: EngineLockOptions;
  readonly #name: string;
  readonly #leaseMs: number;
  readonly #holder = crypto.randomUUID();
  #number = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #renewal: Promise<void> = Promise.resolve();
  #released = false;

  constructor(options: EngineLockOptions) {
    this.#options = options;
    this.#name = options.name ?? "omcp-image-lock";
    this.#leaseMs = options.leaseMs ?? 60_000;
  }

  async acquire(): Promise<void> {
    const { deadlineMs, signal, progress } = this.#options;
    const end = performance.now() + deadlineMs;
    for (let reported = false; !(await this.#take()); reported = true) {
      if (!reported) progress("another program provides the images; waiting for it");
      if (performance.now() > end) {
        throw new OmcpError(
          "timeout",
          `Cannot provide the images: another program has been doing so for ${deadlineMs / 1000} s`,
          { state: "Nothing was done.", next: "Wait for it or end it, then try again." },
        );
      }
      await delay(POLL_MS * (1 + Math.random()), undefined, signal === undefined ? {} : { signal });
    }
    this.#renewLater();
  }

  async release(): Promise<void> {
    this.#released = true;
    clearTimeout(this.#timer);
    await this.#renewal;
    await this.#remove(this.#number);
  }

  /** Takes the lock unless another program holds it. */
  async #take(): Promise<boolean> {
    const { signal } = this.#options;
    const before = await this.#slots(signal);
    if (before.some((slot) => slot.live)) return false;
    const number = Math.max(0, ...before.map((slot) => slot.number)) + 1;
    if (!await this.#create(number)) return false;
    this.#number = number;
    let taken = false;
    try {
      // Between list and creation, a holder that is late may have renewed its lock under another number.
      const others = (await this.#slots(signal)).filter((slot) => slot.holder !== this.#holder);
      taken = !others.some((slot) => slot.live);
      if (taken) { for (const slot of others) await this.#remove(slot.number); }
    } finally {
      if (!taken) await this.#remove(number);
    }
    return taken;
  }

  #renewLater(): void {
    this.#timer = setTimeout(() => {
      this.#renewal = this.#renew();
    }, this.#leaseMs / RENEWALS);
  }

  async #renew(): Promise<void> {
    try {
      // If another program has it, the lock is lost. The work continues, because doing it twice is harmless.
      if (!await this.#create(this.#number + 1)) return;
      this.#number += 1;
      await this.#remove(this.#number - 1);
    } catch {
      // The engine does not respond; the work will find out, or the next renewal succeeds.
    }
    if (!this.#released) this.#renewLater();
  }

  /** Whether the volume of this number is this program's own. */
  async #create(number: number): Promise<boolean> {
    const created = await this.#options.engine.createVolume(`${this.#name}-${number}`, {
      [LABEL_LOCK]: this.#holder,
      [LABEL_EXPIRES]: String(Date.now() + this.#leaseMs),
    }, { deadlineMs: CALL_MS });
    return created.labels[LABEL_LOCK] === this.#holder;
  }

  async #slots(signal?: AbortSignal): Promise<readonly Slot[]> {
    const volumes = await this.#options.engine.listVolumes({
      labels: { [LABEL_LOCK]: "" },
      deadlineMs: CALL_MS,
      ...(signal === undefined ? {} : { signal }),
    });
    return volumes.flatMap(({ name, labels }) => {
      if (!name.startsWith(`${this.#name}-`)) return [];
      const number = Number(name.slice(this.#name.length + 1));
      if (!Number.isSafeInteger(number)) return [];
      const leftMs = Number(labels[LABEL_EXPIRES]) - Date.now();
      // A time far in the future is another machine's wrong clock, which must not hold the lock for so long.
      return [{ number, holder: labels[LABEL_LOCK], live: leftMs > 0 && leftMs <= 2 * this.#leaseMs }];
    });
  }

  async #remove(number: number): Promise<void> {
    // A volume that stays is void after its lease, and the next holder removes it.
    await this.#options.engine.removeVolume(`${this.#name}-${number}`, { deadlineMs: CALL_MS }).catch(
      () => {},
    );
  }
}
