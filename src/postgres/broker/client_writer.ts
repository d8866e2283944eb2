import type { ByteStream } from "../../lib/byte_stream.ts";
import { errorResponse, type ServerError } from "../wire/server_error.ts";

/** Milliseconds that a client has to read the last bytes. */
export const LAST_WRITE_MS = 1_000;

/** Writes to the client, one whole chunk at a time, and measures how long the client leaves it unread. */
export class ClientWriter {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #since: number | undefined;

  /** @param writable The client's stream; this writer keeps its lock. */
  constructor(writable: ByteStream["writable"]) {
    this.#writer = writable.getWriter();
    // `closed` rejects when a write fails, but write() reports that already.
    this.#writer.closed.catch(function ignore() {});
  }

  /** Milliseconds that a write has waited for the client; 0 if no write waits. */
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
   * @param error The error, if the client can still receive one.
   */
  async finish(error?: Omit<ServerError, "severity">): Promise<void> {
    const timer = setTimeout(() => this.abort(), LAST_WRITE_MS);
    try {
      if (error !== undefined) await this.#writer.write(errorResponse({ ...error, severity: "FATAL" }));
      await this.#writer.close();
    } catch {
      // The client has left.
    } finally {
      clearTimeout(timer);
    }
  }

  /** Drops the stream. */
  abort(): void {
    this.#writer.abort().catch(function ignore() {});
  }
}
