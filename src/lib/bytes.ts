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
 * Counts bytes.
 *
 * @param text Any text.
 * @returns Its size in UTF-8.
 */
export function utf8Bytes(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}
