/** A COPY that the server itself reads, without guard and broker. */
import type { Upstream, UpstreamSession } from "../../src/postgres/upstream/mod.ts";
import { cstring, FRONTEND, message } from "../../src/postgres/wire/message.ts";

const CONNECT_DEADLINE_MS = 30_000;
/** ReadyForQuery outside a transaction. */
const READY = [0x5a, 0, 0, 0, 5, 0x49];

/** A session that runs one COPY and discards its rows. */
export class DirectCopy implements Disposable {
  readonly #session: UpstreamSession;

  private constructor(session: UpstreamSession) {
    this.#session = session;
  }

  /**
   * Logs in.
   *
   * @param upstream The server.
   */
  static async open(upstream: Upstream): Promise<DirectCopy> {
    return new DirectCopy(await upstream.connect({}, AbortSignal.timeout(CONNECT_DEADLINE_MS)));
  }

  /**
   * Runs a COPY to its end.
   *
   * @param statement The COPY.
   * @returns The bytes of the response.
   * @throws {Error} If the connection is lost, or the response is too short.
   */
  async drain(statement: string): Promise<number> {
    await this.#session.write(message(FRONTEND.query, cstring(statement)));
    let total = 0;
    let tail: number[] = [];
    while (!READY.every((byte, at) => tail[at] === byte)) {
      const chunk = await this.#session.reader.readSome();
      if (chunk === undefined) throw new Error("The database closed the connection");
      total += chunk.length;
      tail = [...tail, ...chunk.subarray(-READY.length)].slice(-READY.length);
    }
    if (total < 1000) throw new Error("The database refused the bench's COPY");
    return total;
  }

  [Symbol.dispose](): void {
    this.#session.close();
  }
}
