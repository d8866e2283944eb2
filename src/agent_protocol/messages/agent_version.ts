import { createHash } from "node:crypto";
import { GUEST_MODULES } from "../../guest/mod.ts";
import { VERSION } from "../../version.ts";

let known: string | undefined;

/**
 * The version of the agent that this server starts: the program's, and a hash of the code that runs in containers. Two builds of one
 * version can differ, and the server's cells rely on the modules of its own.
 */
export function agentVersion(): string {
  return known ??= `${VERSION}+${hashOf(Object.entries(GUEST_MODULES))}`;
}

function hashOf(modules: readonly (readonly [string, string])[]): string {
  const hash = createHash("sha256");
  for (const [name, source] of modules) hash.update(`${name}\0${source}\0`);
  return hash.digest("hex").slice(0, 16);
}
