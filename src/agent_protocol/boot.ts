import { OmcpError } from "../errors.ts";

/** The longest boot message, in bytes (PROTOCOL.md, "Boot"). */
const MAX_BOOT = 8 * 1024 * 1024;

/** Python modules by their dotted names, each in one of two forms. */
export interface BootModules {
  /** Name → source. */
  readonly sources: Readonly<Record<string, string>>;
  /** Name → bytecode of the container's Python, as marshal writes it, compressed by zlib, in base64. */
  readonly code: Readonly<Record<string, string>>;
  /** Python's magic number of that bytecode, in hexadecimal digits; any text if there is none. */
  readonly magic: string;
}

/**
 * Modules that are all sources.
 *
 * @param sources Dotted module name → Python source.
 */
export function fromSource(sources: Readonly<Record<string, string>>): BootModules {
  return { sources, code: {}, magic: "" };
}

/**
 * Builds the boot message, which a container's loader reads before anything else.
 *
 * @param modules The modules.
 * @param config The configuration of the agent, or of the program in its place.
 * @returns Length and JSON, to be written before the channel is opened.
 * @throws {OmcpError} `internal`: it is longer than the loader accepts.
 */
export function bootBytes({ sources, code, magic }: BootModules, config: object): Uint8Array {
  const body = new TextEncoder().encode(JSON.stringify({ modules: sources, code, magic, config }));
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
