import { GUEST_MODULES } from "../../guest/mod.ts";
import { hashParts } from "../../lib/hash_parts.ts";
import { VERSION } from "../../version.ts";

const DIGITS = 16;

let known: string | undefined;

/**
 * The version of the agent that this server starts: the program's, and a hash of the code that runs in containers. Two builds of one
 * version can differ, and the server's cells rely on the modules of its own.
 */
export function agentVersion(): string {
  return known ??= `${VERSION}+${hashParts(Object.entries(GUEST_MODULES).flat()).slice(0, DIGITS)}`;
}
