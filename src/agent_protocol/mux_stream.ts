import type { ByteStream } from "../lib/byte_stream.ts";
import { MAX_PAYLOAD, unmarkedLength } from "./frame.ts";
import { ReceiveQueue } from "./receive_queue.ts";
import { ProtocolError } from "./protocol_error.ts";

/** How much either side may send before it needs credit, in bytes (PROTOCOL.md, "Rules"). */
export const INITIAL_CREDIT = 262144;
/** The most credit a side may have at a time, in bytes. */
export const MAX_CREDIT = 2 ** 31 - 1;
/** Credit is granted in portions of at least this size, in bytes: a frame for each, not for each read. */
const GRANT_BYTES = INITIAL_CREDIT / 4;

/** A stream was ended by a RESET, of either side, before its time. */
export class StreamResetError extends Error {
  /** The class's name. */
  override readonly name = "StreamResetError";
}

/** What a stream needs of the multiplexer. */
export interface StreamPort {
  /** Sends DATA; resolves when the transport has taken it, never where the stream is gone before. */
  data(payload: Uint8Array): Promise<void>;
  credit(bytes: number): void;
  end(): void;
  reset(reason: string): void;
  /** The stream is over: nothing more is sent or taken. Called once. */
  gone(): void;
}

/**
 * One stream of the channel. What its consumer has not taken waits here, and no more than the credit we gave can come.
 *
 * Cancelling `readable` alone goes on discarding what comes until the own half is closed too; aborting `writable` resets the
 * stream, since an END would pass off a part as the whole.
 */
export class MuxStream implements ByteStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly #port: StreamPort;
  readonly #received = new ReceiveQueue();
  #source: ReadableStreamDefaultController<Uint8Array> | undefined;
  #sink: WritableStreamDefaultController | undefined;
  /** What the other side may still send. */
  #window = INITIAL_CREDIT;
  /** What was taken and not granted again. */
  #taken = 0;
  /** What we may still send. */
  #credit = INITIAL_CREDIT;
  #creditCame: PromiseWithResolvers<void> | undefined;
  #sending: PromiseWithResolvers<void> | undefined;
  #wanted = false;
  #cancelled = false;
  #peerEnded = false;
  #ownEnded = false;
  #over = false;

  /** @param port Where its frames go. */
  constructor(port: StreamPort) {
    this.#port = port;
    this.readable = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#source = controller;
      },
      pull: () => {
        this.#wanted = true;
        this.#deliver();
      },
      cancel: () => this.#cancel(),
      // Nothing is taken ahead of the consumer: credit follows what it took.
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
   * Takes DATA.
   *
   * @param payload Its bytes.
   * @throws {ProtocolError} `bad_credit`, or `not_open` after END.
   */
  onData(payload: Uint8Array): void {
    if (this.#peerEnded) throw new ProtocolError("not_open", "Cannot read DATA: it came after END");
    if (payload.length > this.#window) {
      throw new ProtocolError(
        "bad_credit",
        `Cannot read DATA: at most ${this.#window} bytes of credit are left: received ${payload.length}`,
      );
    }
    this.#window -= payload.length;
    if (this.#cancelled) {
      this.#grant(payload.length);
      return;
    }
    this.#received.push(payload);
    this.#deliver();
  }

  /**
   * Takes CREDIT.
   *
   * @param bytes How much more may be sent.
   * @throws {ProtocolError} `bad_credit`: it adds up to more than {@link MAX_CREDIT}.
   */
  onCredit(bytes: number): void {
    this.#credit += bytes;
    if (this.#credit > MAX_CREDIT) {
      throw new ProtocolError(
        "bad_credit",
        `Cannot read CREDIT: it must add up to at most ${MAX_CREDIT} bytes`,
      );
    }
    if (bytes > 0) this.#creditCame?.resolve();
  }

  /** Takes END. */
  onEnd(): void {
    if (this.#peerEnded) return;
    this.#peerEnded = true;
    this.#deliver();
    this.#leaveIfDone();
  }

  /**
   * Resets the stream from this side.
   *
   * @param reason Told to the other side.
   */
  reset(reason: string): void {
    if (this.#over) return;
    this.#port.reset(reason);
    this.fail(new StreamResetError(`The stream was reset: ${reason}`));
  }

  /**
   * Ends both directions at once, without telling the other side.
   *
   * @param error What its users get.
   */
  fail(error: unknown): void {
    if (this.#over) return;
    this.#leave();
    this.#creditCame?.reject(error);
    this.#sending?.reject(error);
    // After END the consumer has all there was to come: it may still take it.
    if (!this.#cancelled && !this.#peerEnded) {
      this.#received.clear();
      this.#source?.error(error);
    }
    if (!this.#ownEnded) this.#sink?.error(error);
  }

  #deliver(): void {
    if (this.#cancelled) return;
    if (this.#wanted) {
      const chunk = this.#received.shift();
      if (chunk !== undefined) {
        this.#wanted = false;
        // Credit first: the consumer runs on within enqueue.
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
    this.#taken += bytes;
    if (this.#taken < GRANT_BYTES || this.#peerEnded || this.#over) return;
    this.#window += this.#taken;
    this.#port.credit(this.#taken);
    this.#taken = 0;
  }

  #abort(): void {
    // The writable fails by itself; to fail it here would make its abort() reject.
    this.#sink = undefined;
    this.reset("the writer gave up");
  }

  #cancel(): void {
    this.#cancelled = true;
    if (this.#ownEnded && !this.#peerEnded) this.reset("the reader gave up");
    this.#grant(this.#held());
    this.#received.clear();
  }

  /** What came and was neither taken nor granted again. */
  #held(): number {
    return INITIAL_CREDIT - this.#window - this.#taken;
  }

  async #write(chunk: unknown): Promise<void> {
    try {
      if (!(chunk instanceof Uint8Array)) {
        throw new TypeError("Cannot write to a stream: the chunk is no Uint8Array");
      }
      let rest = chunk;
      while (rest.length > 0) {
        while (this.#credit === 0) {
          this.#creditCame = Promise.withResolvers<void>();
          await this.#creditCame.promise;
        }
        const length = unmarkedLength(rest.subarray(0, Math.min(this.#credit, MAX_PAYLOAD)));
        this.#credit -= length;
        await this.#sendData(rest.subarray(0, length));
        rest = rest.subarray(length);
      }
    } catch (error) {
      this.reset("the writer failed");
      throw error;
    }
  }

  /** Waits for the transport, or for the stream's end. */
  async #sendData(payload: Uint8Array): Promise<void> {
    const sending = Promise.withResolvers<void>();
    this.#sending = sending;
    this.#port.data(payload).then(sending.resolve, sending.reject);
    await sending.promise;
  }

  #end(): void {
    if (this.#over) return;
    this.#ownEnded = true;
    this.#port.end();
    if (this.#cancelled && !this.#peerEnded) this.reset("the reader gave up");
    this.#leaveIfDone();
  }

  #leaveIfDone(): void {
    if (this.#ownEnded && this.#peerEnded) this.#leave();
  }

  #leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.#port.gone();
  }
}
