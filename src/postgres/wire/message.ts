import { concatBytes } from "../../lib/bytes.ts";

/** Type bytes of the messages a client sends (PostgreSQL protocol 3, "Message Formats"). */
export const FRONTEND = {
  bind: 0x42, // B
  close: 0x43, // C
  describe: 0x44, // D
  execute: 0x45, // E
  functionCall: 0x46, // F
  flush: 0x48, // H
  parse: 0x50, // P
  query: 0x51, // Q
  sync: 0x53, // S
  terminate: 0x58, // X
  copyDone: 0x63, // c
  copyData: 0x64, // d
  copyFail: 0x66, // f
} as const;

/** Type bytes of the messages a server sends. */
export const BACKEND = {
  parseComplete: 0x31, // 1
  bindComplete: 0x32, // 2
  closeComplete: 0x33, // 3
  notification: 0x41, // A
  commandComplete: 0x43, // C
  dataRow: 0x44, // D
  error: 0x45, // E
  copyIn: 0x47, // G
  copyOut: 0x48, // H
  emptyQuery: 0x49, // I
  backendKey: 0x4b, // K
  notice: 0x4e, // N
  authentication: 0x52, // R
  parameterStatus: 0x53, // S
  rowDescription: 0x54, // T
  functionResult: 0x56, // V
  copyBoth: 0x57, // W
  readyForQuery: 0x5a, // Z
  copyDone: 0x63, // c
  copyData: 0x64, // d
  noData: 0x6e, // n
  portalSuspended: 0x73, // s
  parameterDescription: 0x74, // t
  negotiateProtocol: 0x76, // v
} as const;

/** Bytes before a message's body: its type and its length. */
export const HEADER_BYTES = 5;

const ENCODER = new TextEncoder();
const NUL = new Uint8Array(1);

/**
 * Encodes a text with its closing NUL.
 *
 * @param text Text without NUL in it.
 * @returns UTF-8 and a zero byte.
 */
export function cstring(text: string): Uint8Array {
  return concatBytes([ENCODER.encode(text), NUL]);
}

/**
 * Encodes integers of four bytes, big-endian.
 *
 * @param values The integers.
 * @returns Their bytes.
 */
export function int32(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach(function put(value, index) {
    view.setInt32(index * 4, value);
  });
  return bytes;
}

/**
 * Builds a message.
 *
 * @param type Its type byte.
 * @param body Its body in parts.
 * @returns The whole message.
 */
export function message(type: number, ...body: readonly Uint8Array[]): Uint8Array {
  let at = HEADER_BYTES;
  for (const part of body) at += part.length;
  const bytes = new Uint8Array(at);
  const size = at - 1;
  bytes[0] = type;
  for (let index = 1; index < HEADER_BYTES; index += 1) bytes[index] = size >>> (8 * (4 - index));
  at = HEADER_BYTES;
  for (const part of body) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * Reads a NUL-ended name byte by byte, so that different bytes are different names.
 *
 * @param body A message's body.
 * @param offset Where the name begins.
 * @returns The name and where the next field begins, or undefined if no NUL follows.
 */
export function readName(body: Uint8Array, offset: number): { name: string; next: number } | undefined {
  const end = body.indexOf(0, offset);
  if (end < 0) return undefined;
  // The name of most portals and statements is empty.
  if (end === offset) return { name: "", next: end + 1 };
  // A chunk at a time: spreading a long name would overflow the stack.
  let name = "";
  for (let at = offset; at < end; at += 1024) {
    name += String.fromCharCode(...body.subarray(at, Math.min(end, at + 1024)));
  }
  return { name, next: end + 1 };
}

/**
 * A name in SQL as {@link readName} gives the same name in a message.
 *
 * @param name The name as the parser has it.
 * @returns Its bytes, a character each.
 */
export function wireName(name: string): string {
  return String.fromCharCode(...new TextEncoder().encode(name));
}
