import { OmcpError } from "../../errors.ts";
import type { UpstreamSession } from "../../postgres/upstream/mod.ts";
import { readBackendMessage } from "../../postgres/wire/backend.ts";
import { BACKEND, cstring, FRONTEND, message } from "../../postgres/wire/message.ts";
import { parseServerError } from "../../postgres/wire/server_error.ts";

/** Bytes in one CopyData message. */
const PIECE_BYTES = 64 * 1024;
const MAX_MESSAGE = 1024 * 1024;

/**
 * Sends data by COPY FROM STDIN (PostgreSQL protocol 3, "COPY Operations").
 *
 * @param session An idle session.
 * @param sql Statements, one of which copies from STDIN.
 * @param data COPY text.
 * @throws {OmcpError} `database_refused` with the SQLSTATE in the details and without the server's message, which may quote a
 * patient's data; `database_unavailable` if the connection is lost.
 */
export async function copyIn(session: UpstreamSession, sql: string, data: Uint8Array): Promise<void> {
  let failure: OmcpError | undefined;
  try {
    await session.write(message(FRONTEND.query, cstring(sql)));
    while (true) {
      const next = await readBackendMessage(session.reader, MAX_MESSAGE);
      if (next === undefined) throw new Error("Connection closed");
      const { type, body } = next;
      if (type === BACKEND.error) failure = refused(body);
      if (type === BACKEND.readyForQuery) break;
      if (type === BACKEND.copyIn) await send(session, data);
    }
  } catch (error) {
    if (error instanceof OmcpError) throw error;
    throw failure ?? new OmcpError("database_unavailable", "Database connection was lost", { cause: error });
  }
  if (failure !== undefined) throw failure;
}

/** Sends all data: a server that refuses a row reads and discards the rest, so that this ends in any case. */
async function send(session: UpstreamSession, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length; at += PIECE_BYTES) {
    await session.write(message(FRONTEND.copyData, data.subarray(at, at + PIECE_BYTES)));
  }
  await session.write(message(FRONTEND.copyDone));
}

function refused(body: Uint8Array): OmcpError {
  const { sqlstate } = parseServerError(body);
  return new OmcpError("database_refused", `The database refused rows (${sqlstate})`, {
    details: { sqlstate },
  });
}
