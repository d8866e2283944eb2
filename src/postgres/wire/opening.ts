import { type ByteReader } from "../../lib/byte_reader.ts";
import { readUint32 } from "../../lib/bytes.ts";

/** The largest startup packet that is read, in bytes (PostgreSQL's own limit). */
export const MAX_STARTUP_BYTES = 10_000;

const CANCEL_REQUEST = 80_877_102;
const SSL_REQUEST = 80_877_103;
const GSSENC_REQUEST = 80_877_104;

/** Names and values of a startup packet, in their order. */
export type StartupParameters = readonly (readonly [name: string, value: string])[];

/** The first packet of a connection, which has no type byte. */
export type Opening =
  | { readonly kind: "encryption" }
  | { readonly kind: "cancel"; readonly processId: number; readonly secret: Uint8Array }
  | {
    readonly kind: "startup";
    readonly major: number;
    readonly minor: number;
    /** Names of options of the protocol itself (`_pq_.…`); no option is known here. */
    readonly protocolOptions: readonly string[];
    readonly parameters: StartupParameters;
  }
  | { readonly kind: "invalid"; readonly reason: string };

/**
 * Reads the first packet of a connection.
 *
 * @param reader Where from.
 * @returns What the client opens with, or undefined if it left.
 * @throws {TruncatedStreamError} If the client left in the middle of it.
 */
export async function readOpening(reader: ByteReader): Promise<Opening | undefined> {
  const header = await reader.readExactly(4);
  if (header === undefined) return undefined;
  const length = readUint32(header, 0);
  if (length < 8 || length > MAX_STARTUP_BYTES) {
    return {
      kind: "invalid",
      reason: `Startup packet must have 8 to ${MAX_STARTUP_BYTES} bytes: announced ${length}`,
    };
  }
  const body = await reader.readExactly(length - 4);
  if (body === undefined) return undefined;
  const code = readUint32(body, 0);
  if (code === SSL_REQUEST || code === GSSENC_REQUEST) {
    if (length !== 8) return { kind: "invalid", reason: "Encryption request must have 8 bytes" };
    return { kind: "encryption" };
  }
  if (code === CANCEL_REQUEST) {
    if (length !== 16) return { kind: "invalid", reason: "Cancel request must have 16 bytes" };
    return { kind: "cancel", processId: readUint32(body, 4), secret: body.slice(8, 12) };
  }
  return startup(body, code);
}

function startup(body: Uint8Array, code: number): Opening {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body.subarray(4));
  } catch {
    return { kind: "invalid", reason: "Startup packet must be in UTF-8" };
  }
  const parameters: (readonly [name: string, value: string])[] = [];
  const fields = text.split("\0");
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = fields[index] ?? "";
    if (name === "") break;
    parameters.push([name, fields[index + 1] ?? ""]);
  }
  const protocolOptions = parameters.map(([name]) => name).filter((name) => name.startsWith("_pq_."));
  return { kind: "startup", major: code >>> 16, minor: code & 0xffff, protocolOptions, parameters };
}
