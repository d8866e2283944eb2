/** Intervals and callbacks of a {@link Heartbeat}. */
export interface HeartbeatOptions {
  /** Milliseconds between two PINGs. */
  readonly intervalMs: number;
  /** The peer is lost after this many milliseconds without a byte from it while a PING is unanswered. */
  readonly lostAfterMs: number;
  /** Sends a PING. */
  readonly ping: (payload: Uint8Array) => void;
  /** Called once. */
  readonly onLost: (silentMs: number) => void;
}

/** A tick that is this much late shows that this process was paused: the peer's bytes may be waiting unread. */
const LATE_MS = 1000;
/** After this many late ticks in a row the peer is checked anyway: the machine is slow, not paused. */
const MAX_LATE_TICKS = 3;

/** Sends PINGs at intervals, and reports a peer that does not respond. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  #count = 0n;
  #answered = true;
  #silentMs = 0;
  #lastTick = performance.now();
  #lateTicks = 0;

  /** @param options See {@link HeartbeatOptions}. The timer starts at once. */
  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), options.intervalMs);
  }

  /** Records that bytes of any kind arrived. */
  onActivity(): void {
    this.#silentMs = 0;
  }

  /**
   * Records a PONG.
   *
   * @param payload Its bytes; only the answer to the last PING counts.
   */
  onPong(payload: Uint8Array): void {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    if (view.getBigUint64(0) === this.#count) this.#answered = true;
  }

  /** Stops the timer. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const { intervalMs, lostAfterMs } = this.#options;
    const now = performance.now();
    // After a pause of this process, waiting bytes are read before the peer is checked.
    const late = now - this.#lastTick > intervalMs + LATE_MS && this.#lateTicks < MAX_LATE_TICKS;
    this.#lateTicks = late ? this.#lateTicks + 1 : 0;
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
