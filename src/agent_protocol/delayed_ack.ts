/** At the latest after so many messages, bytes or milliseconds is an ACK sent (PROTOCOL.md, "Rules"). */
const MESSAGES = 64;
const BYTES = 256 * 1024;
const DELAY_MS = 50;

/** Decides when to acknowledge: seldom enough to cost nothing, often enough that the agent's window never fills. */
export class DelayedAck {
  readonly #send: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #messages = 0;
  #bytes = 0;

  /** @param send Sends an ACK of all that has come. */
  constructor(send: () => void) {
    this.#send = send;
  }

  /**
   * Notes that a message came in full.
   *
   * @param bytes Its length.
   */
  note(bytes: number): void {
    this.#messages += 1;
    this.#bytes += bytes;
    if (this.#messages >= MESSAGES || this.#bytes >= BYTES) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), DELAY_MS);
  }

  /** Sends nothing more. */
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
