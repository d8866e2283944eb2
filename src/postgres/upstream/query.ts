import { addAbortListener } from "node:events";
import { concatBytes } from "../../lib/bytes.ts";
import { OmcpError } from "../../errors.ts";
import { type BackendMessage, readBackendMessage } from "../wire/backend.ts";
import { BACKEND, cstring, FRONTEND, int32, message } from "../wire/message.ts";
import { parseServerError, type ServerError } from "../wire/server_error.ts";
import type { UpstreamSession } from "./upstream.ts";

/** The largest message and the most rows in an answer to one of our own statements. */
const MAX_MESSAGE = 1024 * 1024;
const MAX_ROWS = 100_000;
const DECODER = new TextDecoder();

/** A row of text values; null for SQL's NULL. */
export type TextRow = readonly (string | null)[];

/**
 * Runs one statement of our own over a session that nobody else uses: simple protocol, small answer.
 *
 * @param session An idle session.
 * @param sql The statement.
 * @param signal Drops the session when it fires.
 * @returns The rows as text.
 * @throws {OmcpError} `database_refused` with the server's error, `database_unavailable` if the connection is lost.
 */
export async function ask(
  session: UpstreamSession,
  sql: string,
  signal: AbortSignal,
): Promise<readonly TextRow[]> {
  return (await exchange(session, message(FRONTEND.query, cstring(sql)), signal)).rows;
}

/** A statement to prepare. */
export interface PreparedText {
  readonly name: string;
  readonly sql: string;
  /** OIDs of the types of its parameters, as far as they are declared. */
  readonly parameterTypes: readonly number[];
}

/**
 * Forgets a prepared statement, if there is one of that name.
 *
 * @param session An idle session.
 * @param name Its name.
 * @param signal Drops the session when it fires.
 * @throws {OmcpError} What {@link ask} throws.
 */
export async function unprepare(session: UpstreamSession, name: string, signal: AbortSignal): Promise<void> {
  await exchange(session, concatBytes([closing(name), message(FRONTEND.sync)]), signal);
}

/**
 * Prepares a statement over a session that nobody else uses; it replaces one of its name, so that nobody waits for the end of that.
 *
 * @param session An idle session.
 * @param statement Its name, text and types.
 * @param signal Drops the session when it fires.
 * @returns How many parameters it has.
 * @throws {OmcpError} What {@link ask} throws.
 */
export async function prepare(
  session: UpstreamSession,
  { name, sql, parameterTypes }: PreparedText,
  signal: AbortSignal,
): Promise<number> {
  const count = Uint8Array.of(parameterTypes.length >> 8, parameterTypes.length & 0xff);
  const bytes = concatBytes([
    closing(name),
    message(FRONTEND.parse, cstring(name), cstring(sql), count, int32(...parameterTypes)),
    message(FRONTEND.describe, cstring(`S${name}`)),
    message(FRONTEND.sync),
  ]);
  return (await exchange(session, bytes, signal)).parameters;
}

function closing(name: string): Uint8Array {
  return message(FRONTEND.close, cstring(`S${name}`));
}

interface Answer {
  readonly rows: readonly TextRow[];
  readonly parameters: number;
}

async function exchange(session: UpstreamSession, bytes: Uint8Array, signal: AbortSignal): Promise<Answer> {
  using _dropping = addAbortListener(signal, () => session.close());
  const rows: TextRow[] = [];
  let parameters = 0;
  try {
    await converse(session, bytes, MAX_MESSAGE, ({ type, body }) => {
      if (type === BACKEND.dataRow && rows.length < MAX_ROWS) rows.push(parseRow(body));
      if (type === BACKEND.parameterDescription) parameters = ((body[0] ?? 0) << 8) | (body[1] ?? 0);
    });
  } catch (error) {
    throw error instanceof OmcpError ? error : lost(error);
  }
  return { rows, parameters };
}

/**
 * Sends messages over a session that nobody else uses, and reads the answer until the server is ready for the next ones.
 *
 * @param session An idle session; idle again afterwards unless this throws.
 * @param bytes The messages.
 * @param maxBytes The longest message of the answer.
 * @param take Gets each message; while the promise that it returns is pending, the server waits.
 * @throws {OmcpError} `database_refused` with the server's error, `database_unavailable` if the connection is lost, and what `take`
 * throws.
 */
export async function converse(
  session: UpstreamSession,
  bytes: Uint8Array,
  maxBytes: number,
  take: (message: BackendMessage) => Promise<void> | void,
): Promise<void> {
  await connected(session.write(bytes));
  let failure: OmcpError | undefined;
  while (true) {
    const next = await connected(readBackendMessage(session.reader, maxBytes));
    if (next === undefined) throw failure ?? lost(new Error("Connection closed"));
    if (next.type === BACKEND.error) failure = new ServerRefusal(parseServerError(next.body));
    if (next.type === BACKEND.readyForQuery) break;
    const taken = take(next);
    if (taken !== undefined) await taken;
  }
  if (failure !== undefined) throw failure;
}

async function connected<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw lost(error);
  }
}

function lost(cause: unknown): OmcpError {
  return new OmcpError("database_unavailable", "Database connection was lost", { cause });
}

/** The server's own error, as a `database_refused` error. */
export class ServerRefusal extends OmcpError {
  /** The server's error. */
  readonly server: ServerError;

  /** @param server The server's error. */
  constructor(server: ServerError) {
    const { message, sqlstate } = server;
    super("database_refused", `Database answered: ${message} (${sqlstate})`, { details: { sqlstate } });
    this.server = server;
  }
}

/**
 * Reads a DataRow whose values are texts.
 *
 * @param body The message's body.
 * @returns The values.
 */
export function parseRow(body: Uint8Array): TextRow {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const row: (string | null)[] = [];
  let at = 2;
  for (let column = view.getUint16(0); column > 0; column -= 1) {
    const size = view.getInt32(at);
    at += 4;
    row.push(size < 0 ? null : DECODER.decode(body.subarray(at, at + size)));
    at += Math.max(size, 0);
  }
  return row;
}
