import { randomBytes } from "node:crypto";

/** A number from 0 to below 1 that nobody can foresee. */
export function unforeseen(): number {
  return randomBytes(4).readUInt32BE() / 2 ** 32;
}
