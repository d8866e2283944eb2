import { createHash } from "node:crypto";

/**
 * Hashes a list of texts so that no other list has the same hash: each is preceded by its length.
 *
 * @param parts The texts.
 * @returns SHA-256 in hexadecimal.
 */
export function hashParts(parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    const bytes = new TextEncoder().encode(part);
    hash.update(`${bytes.length}:`).update(bytes);
  }
  return hash.digest("hex");
}
