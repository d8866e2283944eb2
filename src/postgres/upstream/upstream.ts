import { type ByteReader } from "../../lib/byte_reader.ts";

/** What identifies a session in a cancel request; it never leaves this program. */
export interface ServerKey {
  /** The server process, or what a pooler gives in its place. */
  readonly processId: number;
  /** The secret of the cancel request: 4 bytes or more, as the server gave them. */
  readonly secret: Uint8Array;
}

/** An authenticated connection to the real server, idle and outside a transaction when handed out. */
export interface UpstreamSession {
  /** Everything the server sends after its first ReadyForQuery. */
  readonly reader: ByteReader;
  /** The parameters the server reported, by name. */
  readonly parameters: ReadonlyMap<string, string>;
  /** The key of a cancel request; undefined if the server gave none. */
  readonly key: ServerKey | undefined;
  /**
   * Sends bytes, waiting while the server does not take them.
   *
   * @param bytes Whole messages.
   * @throws {Error} If the connection is lost.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Drops the connection; a second call does nothing. */
  close(): void;
}

/** The real server: where sessions come from. */
export interface Upstream {
  /** A name for logs and errors, without any secret. */
  readonly description: string;
  /**
   * Opens a session.
   *
   * @param settings Server parameters that hold from the first statement on, and to which RESET returns.
   * @param signal Ends the attempt.
   * @returns The session, ready for a query.
   * @throws {OmcpError} `database_unavailable` with the server's SQLSTATE in `details.sqlstate` if there is one.
   */
  connect(settings: SessionSettings, signal: AbortSignal): Promise<UpstreamSession>;
  /**
   * Asks the server to cancel what a session is running.
   *
   * @param session One of this upstream.
   * @returns Whether the server has taken the request; false if it could not be asked within 2 s.
   */
  cancel(session: UpstreamSession): Promise<boolean>;
  /**
   * Asks the server, over another connection, to end the process of a session. The server does not report whether the process ends.
   *
   * @param session One of this upstream that is still open: else the process with its id may be another's.
   * @throws {OmcpError} If the server cannot be asked within 2 s, or refuses.
   */
  terminate(session: UpstreamSession): Promise<void>;
}

/** Server parameters by name. */
export type SessionSettings = Readonly<Record<string, string>>;
