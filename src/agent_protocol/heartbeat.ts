/** What a {@link Heartbeat} needs. */
export interface HeartbeatOptions {
  /** Milliseconds between two PINGs. */
  readonly intervalMs: number;
  /** The other side is lost after so many milliseconds of silence while a PING is unanswered. */
  readonly lostAfterMs: number;
  /** Sends a PING. */
  readonly ping: (payload: Uint8Array) => void;
  /** Called once. */
  readonly onLost: (silentMs: number) => void;
}

/** A tick this much later than due says that this process stood still, not the other side. */
const LATE_MS = 1000;
/** So many late ticks in a row excuse the other side: where all of them are late, the machine is slow and nothing more. */
const MAX_EXCUSES = 3;

/** Asks for a sign of life at intervals, and tells when none comes. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  #count = 0n;
  #answered = true;
  #silentMs = 0;
  #lastTick = performance.now();
  #excuses = 0;

  /** @param options See {@link HeartbeatOptions}. It begins at once. */
  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), options.intervalMs);
  }

  /** Notes that something came, whatever it was. */
  heard(): void {
    this.#silentMs = 0;
  }

  /**
   * Notes that a PONG came.
   *
   * @param payload Its bytes; an answer to an older PING, or to none, is no answer.
   */
  answered(payload: Uint8Array): void {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    if (view.getBigUint64(0) === this.#count) this.#answered = true;
  }

  /** Ends it. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const { intervalMs, lostAfterMs } = this.#options;
    const now = performance.now();
    // What waits is read before it is judged.
    const late = now - this.#lastTick > intervalMs + LATE_MS && this.#excuses < MAX_EXCUSES;
    this.#excuses = late ? this.#excuses + 1 : 0;
    this.#silentMs += Math.min(now - this.#lastTick, intervalMs);
    this.#lastTick = now;
    if (!late && !this.#answered && this.#silentMs >= lostAfterMs) {
      this.stop();
      this.#options.onLost(Math.round(this.#silentMs));
      return;
    }
    if (!this.#answered) return;
    this.#answered = false;
    this.#count += 1n;
    const payload = new Uint8Array(8);
    new DataView(payload.buffer).setBigUint64(0, this.#count);
    this.#options.ping(payload);
  }
}
