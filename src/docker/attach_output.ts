import { Demultiplexer } from "./demultiplexer.ts";

/** High-water mark of stdout, in bytes: above it the socket is not read. */
const STDOUT_BYTES = 256 * 1024;
/** High-water mark of stderr, in bytes: further bytes are dropped. */
const STDERR_BYTES = 256 * 1024;

/** The two outputs of an attach, as streams. */
export class AttachOutput {
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  readonly #demultiplexer = new Demultiplexer();
  #out: ReadableStreamDefaultController<Uint8Array> | undefined;
  #err: ReadableStreamDefaultController<Uint8Array> | undefined;
  #onDrained: (() => void) | undefined;
  #dropped = 0;

  constructor() {
    this.stdout = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#out = controller;
      },
      pull: () => this.#wake(),
      cancel: () => {
        this.#out = undefined;
        this.#wake();
      },
    }, new ByteLengthQueuingStrategy({ highWaterMark: STDOUT_BYTES }));
    this.stderr = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#err = controller;
      },
      cancel: () => {
        this.#err = undefined;
      },
    }, new ByteLengthQueuingStrategy({ highWaterMark: STDERR_BYTES }));
  }

  /** Bytes of stderr dropped so far. */
  get stderrDropped(): number {
    return this.#dropped;
  }

  /**
   * Takes bytes of the attach stream; resolves when stdout is below its high-water mark.
   *
   * @param chunk The bytes.
   * @throws {OmcpError} `engine_failed` for bytes that are not frames of an attach.
   */
  async push(chunk: Uint8Array): Promise<void> {
    for (const { stream, bytes } of this.#demultiplexer.push(chunk)) {
      if (stream === "stdout") this.#out?.enqueue(bytes);
      else this.#pushError(bytes);
    }
    while (this.#out && (this.#out.desiredSize ?? 0) <= 0) {
      const drained = Promise.withResolvers<void>();
      this.#onDrained = drained.resolve;
      await drained.promise;
    }
  }

  /** @throws {OmcpError} `engine_failed` if the stream ends within a frame. */
  checkEnd(): void {
    this.#demultiplexer.end();
  }

  /**
   * Ends both streams. Without a failure, queued bytes can still be read.
   *
   * @param failure The error of both streams; undefined for a normal end.
   */
  end(failure: unknown): void {
    for (const controller of [this.#out, this.#err]) {
      if (failure === undefined) controller?.close();
      else controller?.error(failure);
    }
    this.#out = undefined;
    this.#err = undefined;
    this.#wake();
  }

  #pushError(bytes: Uint8Array): void {
    const room = this.#err?.desiredSize ?? 0;
    if (this.#err && room >= bytes.byteLength) this.#err.enqueue(bytes.slice());
    else if (this.#err) this.#dropped += bytes.byteLength;
  }

  #wake(): void {
    this.#onDrained?.();
    this.#onDrained = undefined;
  }
}
