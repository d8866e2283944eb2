import { Buffer } from "node:buffer";

/**
 * Concatenates byte arrays.
 *
 * @param parts The arrays; a single one is returned without a copy.
 * @returns All their bytes.
 */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  let size = 0;
  for (const part of parts) size += part.length;
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/**
 * Reads an unsigned integer of four bytes, big-endian.
 *
 * @param bytes Where from.
 * @param offset Where in it; four bytes must be there.
 * @returns The integer.
 */
export function readUint32(bytes: Uint8Array, offset: number): number {
  // Without a DataView, which would be garbage for each message.
  let value = 0;
  for (let at = offset; at < offset + 4; at += 1) value = value * 256 + (bytes[at] ?? 0);
  return value;
}

/**
 * Counts bytes. It does not encode the text: texts of megabytes are counted, and small ones by the thousand.
 *
 * @param text Any text.
 * @returns Its size in UTF-8.
 */
export function utf8Bytes(text: string): number {
  return Buffer.byteLength(text);
}
