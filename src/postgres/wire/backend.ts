import { type ByteReader } from "../../lib/byte_reader.ts";
import { readUint32 } from "../../lib/bytes.ts";
import { HEADER_BYTES } from "./message.ts";

/** A message of the server. */
export interface BackendMessage {
  readonly type: number;
  /** Type and length as they came. */
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

/**
 * Reads one message of the server, and checks its announced length before anything is allocated.
 *
 * @param reader Where from.
 * @param maxBytes The longest body.
 * @returns The message, or undefined if the server closed the connection between messages.
 * @throws {RangeError} If the announced length is out of range.
 * @throws {TruncatedStreamError} If the server closed the connection within a message.
 */
export async function readBackendMessage(
  reader: ByteReader,
  maxBytes: number,
): Promise<BackendMessage | undefined> {
  const header = await reader.readExactly(HEADER_BYTES);
  if (header === undefined) return undefined;
  const size = readUint32(header, 1) - 4;
  if (size < 0 || size > maxBytes) throw new RangeError(`Message of ${size} bytes`);
  const body = await reader.readExactly(size);
  return body && { type: header[0] ?? 0, header, body };
}
