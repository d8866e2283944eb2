import { concatBytes } from "../../lib/bytes.ts";
import type { UpstreamSession } from "../upstream/mod.ts";

const FULL_BYTES = 64 * 1024;

/** Collects messages for the server, so that many of a pipeline are one write. */
export class ServerWriter {
  readonly #session: Pick<UpstreamSession, "write">;
  readonly #cancelled: () => Promise<void>;
  #parts: Uint8Array[] = [];
  #bytes = 0;

  /**
   * @param session The server's session.
   * @param cancelled Waits until no cancel is on its way to the server.
   */
  constructor(session: Pick<UpstreamSession, "write">, cancelled: () => Promise<void>) {
    this.#session = session;
    this.#cancelled = cancelled;
  }

  /** Whether it has collected so much that it must be flushed before more is added. */
  get full(): boolean {
    return this.#bytes >= FULL_BYTES;
  }

  /** Adds bytes to the next flush. @param bytes Any number. */
  add(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
  }

  /** Sends what was added; resolves when the session takes more. */
  async flush(): Promise<void> {
    if (this.#parts.length === 0) return;
    const bytes = concatBytes(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    // A cancel that arrives late would end the next statement: the one that it was meant for has ended, or this program has refused it.
    await this.#cancelled();
    await this.#session.write(bytes);
  }
}
