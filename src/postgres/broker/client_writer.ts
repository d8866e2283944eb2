import type { ByteStream } from "../../lib/byte_stream.ts";
import { errorResponse, type ServerError } from "../wire/server_error.ts";

/** Milliseconds a client has to take the last bytes. */
const LAST_WRITE_MS = 1_000;

/** The way to the client: whole chunks, one at a time, and how long it has not taken the last one. */
export class ClientWriter {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #since: number | undefined;

  /** @param writable The client's stream; this writer takes its lock for good. */
  constructor(writable: ByteStream["writable"]) {
    this.#writer = writable.getWriter();
    // Failures are seen by the write that meets them.
    this.#writer.closed.catch(function ignore() {});
  }

  /** Milliseconds for which the client has left a write untaken; 0 if none waits. */
  get stalledMs(): number {
    return this.#since === undefined ? 0 : performance.now() - this.#since;
  }

  /**
   * Sends bytes; resolves when the stream takes more.
   *
   * @param bytes Any number.
   */
  async write(bytes: Uint8Array): Promise<void> {
    this.#since = performance.now();
    await this.#writer.ready;
    // The write itself may be acknowledged only when the far end has read: `ready` is the backpressure.
    this.#writer.write(bytes).catch(function ignore() {});
    await this.#writer.ready;
    this.#since = undefined;
  }

  /**
   * Sends a last error and ends the stream; drops it if the client does not take it.
   *
   * @param error The error, if the client can still be told one.
   */
  async finish(error?: Omit<ServerError, "severity">): Promise<void> {
    const timer = setTimeout(() => this.abort(), LAST_WRITE_MS);
    try {
      if (error !== undefined) await this.#writer.write(errorResponse({ ...error, severity: "FATAL" }));
      await this.#writer.close();
    } catch {
      // Gone already.
    } finally {
      clearTimeout(timer);
    }
  }

  /** Drops the stream. */
  abort(): void {
    this.#writer.abort().catch(function ignore() {});
  }
}
