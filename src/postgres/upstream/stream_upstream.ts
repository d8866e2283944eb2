import { setTimeout as delay } from "node:timers/promises";
import { addAbortListener } from "node:events";
import { concatBytes } from "../../lib/bytes.ts";
import type { ByteStream, OpenByteStream } from "../../lib/byte_stream.ts";
import { OmcpError } from "../../errors.ts";
import { ByteReader } from "../../lib/byte_reader.ts";
import { int32 } from "../wire/message.ts";
import { login, type LoginResult } from "./login.ts";
import { ask } from "./query.ts";
import type { SessionSettings, Upstream, UpstreamSession } from "./upstream.ts";

const CANCEL_REQUEST = 80_877_102;
const CANCEL_DEADLINE_MS = 2_000;
const PAUSE_MS = 200;
/** SQLSTATE cannot_connect_now. */
const STARTING_UP = "57P03";

/** A server, and the function that opens a byte stream to it. */
export interface StreamUpstreamOptions {
  readonly open: OpenByteStream;
  readonly user: string;
  readonly password?: string;
  readonly database: string;
  /** For logs and errors; must not hold a secret. */
  readonly description: string;
  /** Whether others could read the stream. @default {false} */
  readonly exposed?: boolean;
  /** The role that may end the sessions of `user`, if `user` itself may not. @default {user} */
  readonly signalUser?: string;
  /**
   * For how many milliseconds to ask again for a session while the server is lost or starting. A local one restarts as soon as its end is known.
   * @default {0}
   */
  readonly retryMs?: number;
}

/** A real server behind any kind of byte stream: a socket, TLS, or a stream of a container's channel. */
export class StreamUpstream implements Upstream {
  readonly description: string;
  readonly #options: StreamUpstreamOptions;

  /** @param options How to reach it and who logs in. */
  constructor(options: StreamUpstreamOptions) {
    this.#options = options;
    this.description = options.description;
  }

  /** @inheritdoc */
  async connect(settings: SessionSettings, signal: AbortSignal): Promise<UpstreamSession> {
    const until = performance.now() + (this.#options.retryMs ?? 0);
    while (true) {
      try {
        return await this.#connectOnce(settings, signal);
      } catch (error) {
        if (performance.now() >= until || signal.aborted || !mayPass(error)) throw error;
        await delay(PAUSE_MS);
      }
    }
  }

  /** @inheritdoc */
  async terminate(session: UpstreamSession): Promise<void> {
    if (session.key === undefined) return;
    const signal = AbortSignal.timeout(CANCEL_DEADLINE_MS);
    const own = await this.#connectOnce({}, signal, this.#options.signalUser);
    try {
      await ask(own, `SELECT pg_catalog.pg_terminate_backend(${session.key.processId})`, signal);
    } finally {
      own.close();
    }
  }

  async #connectOnce(
    settings: SessionSettings,
    signal: AbortSignal,
    user = this.#options.user,
  ): Promise<UpstreamSession> {
    const { password, database, exposed = false } = this.#options;
    const link = new Link(await this.#options.open(signal));
    using _dropping = addAbortListener(signal, () => link.close());
    try {
      if (signal.aborted) throw signal.reason;
      const write = (bytes: Uint8Array): Promise<void> => link.write(bytes);
      const result = await login({ reader: link.reader, write, user, password, database, settings, exposed });
      return link.loggedIn(result);
    } catch (error) {
      link.close();
      if (!signal.aborted || error instanceof OmcpError && error.details.sqlstate !== undefined) {
        throw error;
      }
      throw new OmcpError("database_unavailable", "Database did not complete a login in time", {
        cause: error,
      });
    }
  }

  /** @inheritdoc */
  async cancel(session: UpstreamSession): Promise<boolean> {
    if (session.key === undefined) return false;
    const signal = AbortSignal.timeout(CANCEL_DEADLINE_MS);
    let link: Link | undefined;
    using _dropping = addAbortListener(signal, () => link?.close());
    try {
      link = new Link(await this.#options.open(signal));
      const { processId, secret } = session.key;
      await link.write(concatBytes([int32(12 + secret.length, CANCEL_REQUEST, processId), secret]));
      // The server closes when the signal is sent: only then is it known that it cannot hit a later statement.
      await link.reader.readSome();
      return !signal.aborted;
    } catch {
      // If the server cannot be asked to cancel, the connection is lost too, and that is reported.
      return false;
    } finally {
      link?.close();
    }
  }
}

/** Whether the server was lost or is starting, and did not refuse. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof OmcpError)) return true;
  if (error.code === "channel_failed") return true;
  const { sqlstate = STARTING_UP } = error.details;
  return error.code === "database_unavailable" && sqlstate === STARTING_UP;
}

/** One stream to the server. */
class Link implements UpstreamSession {
  readonly reader: ByteReader;
  parameters: ReadonlyMap<string, string> = new Map();
  key: UpstreamSession["key"];
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #closed = false;

  constructor(stream: ByteStream) {
    this.reader = new ByteReader(stream.readable);
    this.#writer = stream.writable.getWriter();
    // The next write or read reports the failure.
    this.#writer.closed.catch(function ignore() {});
  }

  loggedIn(result: LoginResult): this {
    this.parameters = result.parameters;
    this.key = result.key;
    return this;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#writer.write(bytes);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.reader.cancel();
    this.#writer.abort().catch(function ignore() {});
  }
}
