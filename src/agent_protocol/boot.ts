import { OmcpError } from "../errors.ts";

/** The longest boot message, in bytes (PROTOCOL.md, "Boot"). */
const MAX_BOOT = 8 * 1024 * 1024;

/**
 * Builds the boot message, which a container's loader reads before anything else.
 *
 * @param modules Dotted module name → Python source.
 * @param config The configuration of the agent, or of the program in its place.
 * @returns Length and JSON, to be written before the channel is opened.
 * @throws {OmcpError} `internal`: it is longer than the loader accepts.
 */
export function bootBytes(modules: Readonly<Record<string, string>>, config: object): Uint8Array {
  const body = new TextEncoder().encode(JSON.stringify({ modules, config }));
  if (body.length > MAX_BOOT) {
    throw new OmcpError(
      "internal",
      `A boot message must have at most ${MAX_BOOT} bytes: it has ${body.length}`,
    );
  }
  const bytes = new Uint8Array(4 + body.length);
  new DataView(bytes.buffer).setUint32(0, body.length);
  bytes.set(body, 4);
  return bytes;
}
