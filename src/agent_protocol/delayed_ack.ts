/** The server sends an ACK after this many messages, bytes or milliseconds, whichever is first (PROTOCOL.md, "Rules"). */
const MAX_UNACKNOWLEDGED_MESSAGES = 64;
const MAX_UNACKNOWLEDGED_BYTES = 256 * 1024;
const MAX_DELAY_MS = 50;

/** Decides when to acknowledge: rarely enough to cost little, often enough that the agent's window does not fill. */
export class DelayedAck {
  readonly #send: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #messages = 0;
  #bytes = 0;

  /** @param send Sends an ACK for all messages received so far. */
  constructor(send: () => void) {
    this.#send = send;
  }

  /**
   * Counts a complete message.
   *
   * @param bytes Its length.
   */
  onMessage(bytes: number): void {
    this.#messages += 1;
    this.#bytes += bytes;
    const full = this.#messages >= MAX_UNACKNOWLEDGED_MESSAGES || this.#bytes >= MAX_UNACKNOWLEDGED_BYTES;
    if (full) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), MAX_DELAY_MS);
  }

  /** Cancels a pending ACK. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #flush(): void {
    this.stop();
    this.#messages = 0;
    this.#bytes = 0;
    this.#send();
  }
}
