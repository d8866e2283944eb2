import { type ByteReader } from "../../lib/byte_reader.ts";
import { readUint32 } from "../../lib/bytes.ts";
import { FRONTEND, HEADER_BYTES, message } from "./message.ts";

/** The most bytes of SQL that are read in one Query or Parse. */
export const MAX_SQL_BYTES = 256 * 1024;
/** The most bytes of a message's body that are held. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;
/** Up to this size a message that is too long is skipped and refused; beyond it the connection ends. */
export const MAX_SKIPPED_BYTES = 64 * 1024 * 1024;

/** A message from the client. */
export interface FrontendMessage {
  readonly type: number;
  /** The body, without type and length; empty if {@link oversized}. */
  readonly body: Uint8Array;
  /** The whole message as it arrived; empty if {@link oversized}. */
  readonly bytes: Uint8Array;
  /** Bytes of the body, if it was too long and was skipped. */
  readonly oversized?: number;
}

/** The client broke the protocol so that its next message cannot be found. */
export class FrontendProtocolError extends Error {
  override readonly name = "FrontendProtocolError";
}

const NOTHING = new Uint8Array(0);
const KNOWN = new Set<number>(Object.values(FRONTEND));

/**
 * Reads one message, and checks its announced length before anything is allocated.
 *
 * @param reader Where from.
 * @returns The message, or undefined if the client left between messages.
 * @throws {FrontendProtocolError} For an impossible type or length.
 * @throws {TruncatedStreamError} If the client left in the middle of it.
 */
export async function readFrontendMessage(reader: ByteReader): Promise<FrontendMessage | undefined> {
  const header = await reader.readExactly(HEADER_BYTES);
  if (header === undefined) return undefined;
  const type = header[0] ?? 0;
  const size = checkedSize(type, readUint32(header, 1));
  if (size > bodyLimit(type)) {
    await reader.skip(size);
    return { type, body: NOTHING, bytes: NOTHING, oversized: size };
  }
  const body = await reader.readExactly(size);
  if (body === undefined) throw new FrontendProtocolError("client left in the middle of a message");
  return { type, body, bytes: message(type, body) };
}

/**
 * Takes the next message without a copy if it has arrived in full, as most messages of a pipeline have.
 *
 * @param reader Where from.
 * @returns The message; undefined if it is not here yet or is too long: then {@link readFrontendMessage} reads it.
 * @throws {FrontendProtocolError} For an impossible type or length.
 */
export function takeMessage(reader: ByteReader): FrontendMessage | undefined {
  if (!hasWholeMessage(reader)) return undefined;
  const type = reader.peek(0) ?? 0;
  const size = checkedSize(type, announcedSize(reader));
  if (size > bodyLimit(type)) return undefined;
  const bytes = reader.take(HEADER_BYTES + size);
  return { type, body: bytes.subarray(HEADER_BYTES), bytes };
}

/** Bytes of a message's body. The announced length includes its own field. */
function checkedSize(type: number, announced: number): number {
  if (!KNOWN.has(type)) throw new FrontendProtocolError(`invalid frontend message type ${type}`);
  const size = announced - 4;
  if (size < 0) throw new FrontendProtocolError(`invalid message length ${announced}`);
  if (size > MAX_SKIPPED_BYTES) {
    throw new FrontendProtocolError(`message of ${size} bytes is longer than ${MAX_SKIPPED_BYTES}`);
  }
  return size;
}

/** Whether the next message has arrived in full. */
function hasWholeMessage(reader: ByteReader): boolean {
  return reader.buffered >= HEADER_BYTES && reader.buffered >= announcedSize(reader) + 1;
}

function announcedSize(reader: ByteReader): number {
  let size = 0;
  for (let index = 1; index < HEADER_BYTES; index += 1) size = size * 256 + (reader.peek(index) ?? 0);
  return size;
}

/** Room for the SQL, a statement's name and its parameter types. */
function bodyLimit(type: number): number {
  return type === FRONTEND.query ? MAX_SQL_BYTES + 1 : MAX_MESSAGE_BYTES;
}
