import { concatBytes } from "../lib/bytes.ts";

/** So many frames and bytes of control may wait: beyond, the other side asks and does not read the answers. */
const MAX_CONTROL_FRAMES = 4096;
const MAX_CONTROL_BYTES = 1024 * 1024;
/** Frames are joined into one write up to this size, in bytes. */
const BATCH_BYTES = 65536;

/** A frame that waits for its turn. */
export interface QueuedFrame {
  /** Resolves when the transport has taken the frame; rejects when the channel ends before. */
  readonly sent: Promise<void>;
}

interface WaitingFrame extends QueuedFrame {
  readonly frame: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * All that goes out: control first (ACK, PONG, CREDIT and the like), then requests and data in the order they came.
 * Data and requests wait for the transport; control never does, but only so much of it may wait.
 */
export class Outbox {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #onFailed: (error: unknown) => void;
  #control: Uint8Array[] = [];
  #controlBytes = 0;
  #queue: WaitingFrame[] = [];
  #busy = false;
  #failure: { readonly error: unknown } | undefined;

  /**
   * @param writer The transport's.
   * @param onFailed Called when the transport fails or too much control waits; {@link Outbox.fail} is expected then.
   */
  constructor(writer: WritableStreamDefaultWriter<Uint8Array>, onFailed: (error: unknown) => void) {
    this.#writer = writer;
    this.#onFailed = onFailed;
  }

  /**
   * Sends a control frame as soon as the transport takes it.
   *
   * @param frame The whole frame.
   */
  control(frame: Uint8Array): void {
    if (this.#failure !== undefined) return;
    this.#control.push(frame);
    this.#controlBytes += frame.length;
    if (this.#control.length > MAX_CONTROL_FRAMES || this.#controlBytes > MAX_CONTROL_BYTES) {
      this.#onFailed(new Error(`${this.#control.length} answers wait: the other side does not read them`));
      return;
    }
    this.#wake();
  }

  /**
   * Queues a frame behind the others of its kind.
   *
   * @param frame The whole frame.
   * @returns The queued frame; await `sent` before the next of the same stream.
   */
  send(frame: Uint8Array): QueuedFrame {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Who sends may have gone by then.
    promise.catch(() => {});
    if (this.#failure === undefined) {
      this.#queue.push({ frame, sent: promise, resolve, reject });
      this.#wake();
    } else {
      reject(this.#failure.error);
    }
    return { sent: promise };
  }

  /**
   * Takes a frame back.
   *
   * @param queued What {@link Outbox.send} gave.
   * @returns Whether it was still there: then it is never sent and `sent` never settles.
   */
  withdraw(queued: QueuedFrame): boolean {
    const place = this.#queue.findIndex((waiting) => waiting.sent === queued.sent);
    if (place >= 0) this.#queue.splice(place, 1);
    return place >= 0;
  }

  /**
   * Ends it: what waits is dropped.
   *
   * @param error What the frames' promises reject with.
   */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#control = [];
    for (const waiting of this.#queue.splice(0)) waiting.reject(error);
  }

  #wake(): void {
    if (this.#busy) return;
    this.#busy = true;
    // Frames of the same turn share a write.
    queueMicrotask(() => void this.#run());
  }

  async #run(): Promise<void> {
    try {
      while (this.#failure === undefined) {
        const { frames, queued } = this.#take();
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
      this.#busy = false;
    }
  }

  #take(): { frames: Uint8Array[]; queued: WaitingFrame[] } {
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
