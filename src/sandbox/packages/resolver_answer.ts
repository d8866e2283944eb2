/** What the resolver writes on its stdout: lines of JSON, then perhaps an archive in chunks. See `guest/resolver/`. */
import * as z from "zod";
import { wireObject } from "../../agent_protocol/messages/camel_case.ts";
import { OmcpError } from "../../errors.ts";
import { ByteReader, TruncatedStreamError } from "../../lib/byte_reader.ts";
import { readUint32 } from "../../lib/bytes.ts";
import { parsedJson } from "../../lib/parsed_json.ts";

/** Longest line, in bytes: a plan of a thousand packages. */
const MAX_LINE = 1024 * 1024;
/** Longest chunk of an archive, in bytes. */
const MAX_CHUNK = 1024 * 1024;
/** Most packages of one resolution. */
const MAX_PACKAGES = 2000;

const name = z.string().max(200);
const version = z.string().max(200);
/** A distribution's name and version in an image. The server passes them back to be lines of files that uv reads, so they must have no other form. */
const imageName = z.string().max(200).regex(/^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/);
const imageVersion = z.string().max(200).regex(/^[A-Za-z0-9][A-Za-z0-9.!+_-]*$/);

/** An image's Python, platform and distributions: what a wheel must fit. */
export const factsSchema = z.object({
  implementation: z.string().max(50),
  /** As in `3.13.5`. */
  python: z.string().regex(/^\d{1,2}\.\d{1,3}\.\d{1,3}$/),
  /** Linux's name of the architecture. */
  machine: z.string().regex(/^[a-z0-9_]{1,30}$/),
  /** As in `glibc 2.41`; null for another C library. */
  libc: z.string().max(50).nullable(),
  /** Name, version, and whether the kernel itself needs it. */
  installed: z.array(z.tuple([imageName, imageVersion, z.boolean()])).max(5000),
});

/** An image's Python, platform and distributions. */
export type ImageFacts = z.output<typeof factsSchema>;

const packageSchema = wireObject({
  name,
  version,
  /** The version, of the image or of an earlier call, that this one replaces or hides; null if there was none. */
  instead_of: version.nullable(),
  /** Whether its wheel is in the archive; if not, it is installed already. */
  fetched: z.boolean(),
});

/** One package of a resolution. */
export type ResolvedPackage = z.output<typeof packageSchema>;

const planSchema = z.object({
  packages: z.array(packageSchema).max(MAX_PACKAGES),
  /** Bytes of the unpacked files; 0 if there is nothing to install. */
  bytes: z.number().int().nonnegative(),
  files: z.number().int().nonnegative(),
});

/** What a resolution chose, and how large it is unpacked. */
export type Plan = z.output<typeof planSchema>;

const lineSchema = z.union([
  z.strictObject({ attestation: z.unknown() }),
  z.strictObject({ progress: z.string().max(200) }),
  z.strictObject({ facts: factsSchema }),
  z.strictObject({ plan: planSchema }),
  z.strictObject({ failed: z.object({ step: z.enum(["resolve", "download"]), text: z.string().max(8000) }) }),
]);

/** One line of an answer. */
export type AnswerLine = z.output<typeof lineSchema>;

/** Reads an answer. */
export class AnswerReader {
  readonly #reader: ByteReader;

  /** @param readable The program's stdout. */
  constructor(readable: ReadableStream<Uint8Array>) {
    this.#reader = new ByteReader(readable);
  }

  /**
   * Reads the next line.
   *
   * @throws {OmcpError} `package_failed` for an answer that ends early or has another form.
   */
  async line(): Promise<AnswerLine> {
    const line = await this.#reader.readLine(MAX_LINE);
    if (line === "too_long") throw invalid("a line is too long");
    if (line === "ended") throw ended();
    const parsed = lineSchema.safeParse(parsedJson(new TextDecoder().decode(line)));
    if (!parsed.success) throw invalid("a line has an unknown form");
    return parsed.data;
  }

  /**
   * Reads the archive: its chunks, each an array of its own.
   *
   * @throws {OmcpError} `package_failed` for one that ends early.
   */
  async *archive(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const size = readUint32(await this.#exactly(4), 0);
      if (size === 0) return;
      if (size > MAX_CHUNK) throw invalid("a chunk is too long");
      yield (await this.#exactly(size)).slice();
    }
  }

  async #exactly(size: number): Promise<Uint8Array> {
    try {
      const bytes = await this.#reader.readExactly(size);
      if (bytes !== undefined) return bytes;
    } catch (error) {
      if (!(error instanceof TruncatedStreamError)) throw error;
    }
    throw ended();
  }
}

function ended(): OmcpError {
  return invalid("it ended early");
}

function invalid(why: string): OmcpError {
  return new OmcpError(
    "package_failed",
    `The answer of the container that resolves packages is invalid: ${why}`,
    {
      state: "Nothing was installed.",
      next: "Try again; if it happens again, the server's log has what the container printed.",
    },
  );
}
