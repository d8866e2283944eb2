import type { ByteStream } from "../lib/byte_stream.ts";
import { lengthWithoutMagic, MAX_PAYLOAD } from "./frame.ts";
import { ReceiveQueue } from "./receive_queue.ts";
import { ProtocolError } from "./protocol_error.ts";

/** Bytes that either side may send before it needs credit (PROTOCOL.md, "Rules"). */
export const INITIAL_CREDIT = 262144;
/** The most credit a side may have at a time, in bytes. */
export const MAX_CREDIT = 2 ** 31 - 1;
/** The least credit in a CREDIT frame, in bytes: fewer frames than one for each read. */
const GRANT_BYTES = INITIAL_CREDIT / 4;

/** Either side has reset the stream. */
export class StreamResetError extends Error {
  /** The class's name. */
  override readonly name = "StreamResetError";

  /** The peer's reason, where the peer reset it. */
  readonly reason: string | undefined;

  /**
   * Creates the error.
   *
   * @param message What happened.
   * @param reason The peer's reason, where the peer reset it.
   */
  constructor(message: string, reason?: string) {
    super(message);
    this.reason = reason;
  }
}

/** The part of the multiplexer that a stream uses. */
export interface StreamPort {
  /** Sends DATA. Resolves when the transport has accepted it; never settles if the stream closes first. */
  data(payload: Uint8Array): Promise<void>;
  credit(bytes: number): void;
  end(): void;
  reset(reason: string): void;
  /** The stream is closed in both directions. Called once. */
  onClose(): void;
}

/**
 * One stream of the channel. It buffers the bytes that its consumer has not read; the granted credit bounds them.
 *
 * After `readable` is cancelled, the stream discards incoming bytes until the other half is closed too. Aborting `writable`
 * resets the stream: an END would make the partial data look complete.
 */
export class MuxStream implements ByteStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly #port: StreamPort;
  readonly #received = new ReceiveQueue();
  #source: ReadableStreamDefaultController<Uint8Array> | undefined;
  #sink: WritableStreamDefaultController | undefined;
  /** Bytes that the peer may still send. */
  #receiveCredit = INITIAL_CREDIT;
  /** Bytes that the consumer has read, and for which no new credit was sent. */
  #consumed = 0;
  /** Bytes that this side may still send. */
  #sendCredit = INITIAL_CREDIT;
  #creditArrived: PromiseWithResolvers<void> | undefined;
  #sending: PromiseWithResolvers<void> | undefined;
  #pulled = false;
  #cancelled = false;
  #peerEnded = false;
  #ownEnded = false;
  #closed = false;

  /** @param port Sends its frames. */
  constructor(port: StreamPort) {
    this.#port = port;
    this.readable = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#source = controller;
      },
      pull: () => {
        this.#pulled = true;
        this.#deliver();
      },
      cancel: () => this.#cancel(),
      // No read-ahead: credit follows what the consumer has read.
    }, { highWaterMark: 0 });
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#sink = controller;
        // An abort must not wait for a write that waits for credit.
        controller.signal.addEventListener("abort", () => this.#abort(), { once: true });
      },
      write: (chunk) => this.#write(chunk),
      close: () => this.#end(),
    });
  }

  /**
   * Handles DATA.
   *
   * @param payload Its bytes.
   * @throws {ProtocolError} `bad_credit`, or `not_open` after END.
   */
  onData(payload: Uint8Array): void {
    if (this.#peerEnded) throw new ProtocolError("not_open", "Cannot read DATA: it arrived after END");
    if (payload.length > this.#receiveCredit) {
      throw new ProtocolError(
        "bad_credit",
        `Cannot read DATA: at most ${this.#receiveCredit} bytes of credit are left; received ${payload.length}`,
      );
    }
    this.#receiveCredit -= payload.length;
    if (this.#cancelled) {
      this.#grant(payload.length);
      return;
    }
    this.#received.push(payload);
    this.#deliver();
  }

  /**
   * Handles CREDIT.
   *
   * @param bytes How many more bytes may be sent.
   * @throws {ProtocolError} `bad_credit`: the unused credit exceeds {@link MAX_CREDIT}.
   */
  onCredit(bytes: number): void {
    this.#sendCredit += bytes;
    if (this.#sendCredit > MAX_CREDIT) {
      throw new ProtocolError(
        "bad_credit",
        `Cannot read CREDIT: unused credit may be at most ${MAX_CREDIT} bytes`,
      );
    }
    if (bytes > 0) this.#creditArrived?.resolve();
  }

  /** Handles END. */
  onEnd(): void {
    if (this.#peerEnded) return;
    this.#peerEnded = true;
    this.#deliver();
    this.#closeIfEnded();
  }

  /**
   * Resets the stream from this side.
   *
   * @param reason Sent to the peer.
   */
  reset(reason: string): void {
    if (this.#closed) return;
    this.#port.reset(reason);
    this.fail(new StreamResetError(`The stream was reset: ${reason}`));
  }

  /**
   * Ends both directions at once, without a frame to the peer.
   *
   * @param error The error of pending and later reads and writes.
   */
  fail(error: unknown): void {
    if (this.#closed) return;
    this.#close();
    this.#creditArrived?.reject(error);
    this.#sending?.reject(error);
    // After END the buffered data is complete: the consumer may still read it.
    if (!this.#cancelled && !this.#peerEnded) {
      this.#received.clear();
      this.#source?.error(error);
    }
    if (!this.#ownEnded) this.#sink?.error(error);
  }

  #deliver(): void {
    if (this.#cancelled) return;
    if (this.#pulled) {
      const chunk = this.#received.shift();
      if (chunk !== undefined) {
        this.#pulled = false;
        // Credit first: enqueue() may call pull() again before it returns.
        this.#grant(chunk.length);
        this.#source?.enqueue(chunk);
        return;
      }
    }
    if (this.#peerEnded && this.#received.isEmpty) {
      this.#source?.close();
      this.#source = undefined;
    }
  }

  #grant(bytes: number): void {
    this.#consumed += bytes;
    if (this.#consumed < GRANT_BYTES || this.#peerEnded || this.#closed) return;
    this.#receiveCredit += this.#consumed;
    this.#port.credit(this.#consumed);
    this.#consumed = 0;
  }

  #abort(): void {
    // The writable fails by itself; failing it here would make its abort() reject.
    this.#sink = undefined;
    this.reset("the writer was aborted");
  }

  #cancel(): void {
    this.#cancelled = true;
    if (this.#ownEnded && !this.#peerEnded) this.reset("the reader was cancelled");
    this.#grant(this.#buffered());
    this.#received.clear();
  }

  /** Received bytes that the consumer has not read. */
  #buffered(): number {
    return INITIAL_CREDIT - this.#receiveCredit - this.#consumed;
  }

  async #write(chunk: unknown): Promise<void> {
    try {
      if (!(chunk instanceof Uint8Array)) {
        throw new TypeError("Cannot write to a stream: the chunk is not a Uint8Array");
      }
      let rest = chunk;
      while (rest.length > 0) {
        while (this.#sendCredit === 0) {
          this.#creditArrived = Promise.withResolvers<void>();
          await this.#creditArrived.promise;
        }
        const length = lengthWithoutMagic(rest.subarray(0, Math.min(this.#sendCredit, MAX_PAYLOAD)));
        this.#sendCredit -= length;
        await this.#sendData(rest.subarray(0, length));
        rest = rest.subarray(length);
      }
    } catch (error) {
      this.reset("the writer failed");
      throw error;
    }
  }

  /** Waits until the transport has accepted the payload or the stream is closed. */
  async #sendData(payload: Uint8Array): Promise<void> {
    const sending = Promise.withResolvers<void>();
    this.#sending = sending;
    this.#port.data(payload).then(sending.resolve, sending.reject);
    await sending.promise;
  }

  #end(): void {
    if (this.#closed) return;
    this.#ownEnded = true;
    this.#port.end();
    if (this.#cancelled && !this.#peerEnded) this.reset("the reader was cancelled");
    this.#closeIfEnded();
  }

  #closeIfEnded(): void {
    if (this.#ownEnded && this.#peerEnded) this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#port.onClose();
  }
}
