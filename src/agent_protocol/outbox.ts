import { concatBytes } from "../lib/bytes.ts";

/** The most control frames and bytes that may wait. Beyond that, the peer is not reading the answers that it asks for. */
const MAX_CONTROL_FRAMES = 4096;
const MAX_CONTROL_BYTES = 1024 * 1024;
/** The most bytes of frames that share a write. */
const BATCH_BYTES = 65536;

/** A frame that waits to be sent. */
export interface QueuedFrame {
  /** Resolves when the transport has accepted the frame; rejects if the channel ends first. */
  readonly sent: Promise<void>;
}

interface WaitingFrame extends QueuedFrame {
  readonly frame: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Sends all frames: control frames first (ACK, PONG, CREDIT and others), then requests and data in order.
 * Senders of data and requests wait for the transport. Senders of control frames do not; their queue is bounded instead.
 */
export class Outbox {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #onFailed: (error: unknown) => void;
  #control: Uint8Array[] = [];
  #controlBytes = 0;
  #queue: WaitingFrame[] = [];
  #flushing = false;
  #failure: { readonly error: unknown } | undefined;

  /**
   * @param writer The transport's.
   * @param onFailed Called when the transport fails or too many control frames wait; must call {@link Outbox.fail}.
   */
  constructor(writer: WritableStreamDefaultWriter<Uint8Array>, onFailed: (error: unknown) => void) {
    this.#writer = writer;
    this.#onFailed = onFailed;
  }

  /**
   * Queues a control frame before all data and requests.
   *
   * @param frame The encoded frame.
   */
  control(frame: Uint8Array): void {
    if (this.#failure !== undefined) return;
    this.#control.push(frame);
    this.#controlBytes += frame.length;
    if (this.#control.length > MAX_CONTROL_FRAMES || this.#controlBytes > MAX_CONTROL_BYTES) {
      this.#onFailed(
        new Error(`The agent does not read: ${this.#control.length} control frames are waiting`),
      );
      return;
    }
    this.#scheduleFlush();
  }

  /**
   * Queues a data or request frame.
   *
   * @param frame The encoded frame.
   * @returns The queued frame; await `sent` before sending the next one of the same stream or request.
   */
  send(frame: Uint8Array): QueuedFrame {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // The sender may not be waiting any more.
    promise.catch(() => {});
    if (this.#failure === undefined) {
      this.#queue.push({ frame, sent: promise, resolve, reject });
      this.#scheduleFlush();
    } else {
      reject(this.#failure.error);
    }
    return { sent: promise };
  }

  /**
   * Removes a frame that has not been sent.
   *
   * @param queued A result of {@link Outbox.send}.
   * @returns Whether it was still queued: then it is never sent and `sent` never settles.
   */
  withdraw(queued: QueuedFrame): boolean {
    const place = this.#queue.findIndex((waiting) => waiting.sent === queued.sent);
    if (place >= 0) this.#queue.splice(place, 1);
    return place >= 0;
  }

  /**
   * Stops sending and drops all waiting frames.
   *
   * @param error The error with which the frames' promises reject.
   */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#control = [];
    for (const waiting of this.#queue.splice(0)) waiting.reject(error);
  }

  #scheduleFlush(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    // Frames of the same turn share a write.
    queueMicrotask(() => void this.#flush());
  }

  async #flush(): Promise<void> {
    try {
      while (this.#failure === undefined) {
        const { frames, queued } = this.#takeBatch();
        if (frames.length === 0) break;
        try {
          await this.#writer.write(concatBytes(frames));
        } catch (error) {
          for (const waiting of queued) waiting.reject(error);
          this.#onFailed(error);
          return;
        }
        for (const waiting of queued) waiting.resolve();
      }
    } finally {
      this.#flushing = false;
    }
  }

  #takeBatch(): { frames: Uint8Array[]; queued: WaitingFrame[] } {
    const frames = this.#control;
    let bytes = this.#controlBytes;
    this.#control = [];
    this.#controlBytes = 0;
    let count = 0;
    for (const { frame } of this.#queue) {
      if (frames.length > 0 && bytes + frame.length > BATCH_BYTES) break;
      frames.push(frame);
      bytes += frame.length;
      count += 1;
    }
    return { frames, queued: this.#queue.splice(0, count) };
  }
}
