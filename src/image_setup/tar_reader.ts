import { ownCommand } from "../lib/own_command.ts";
import { OmcpError } from "../errors.ts";
import { ByteReader, TruncatedStreamError } from "../lib/byte_reader.ts";
import { TAR_BLOCK } from "./tar.ts";

/** One member of an archive that is being read. */
export interface TarMember {
  /** As it is written in the archive. */
  readonly path: string;
  /** `file`, `folder`, or anything else, such as a link. */
  readonly type: "file" | "folder" | "other";
  /** Bytes of the content. */
  readonly size: number;
  /** Where the content begins in the archive. */
  readonly offset: number;
  /** The content. What has not been read when the next member is asked for is skipped. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** GNU's long names and POSIX's extended headers, which would change the meaning of the member after them. */
const EXTENSIONS = new Set(["L", "K", "x", "g"]);

/**
 * Reads a tar archive (ustar) member by member, as a stream: it holds one chunk at a time.
 *
 * @param archive The archive.
 * @returns The members, in order.
 * @throws {OmcpError} `invalid_argument` for an archive that is damaged, ends early, has something after its end, or has headers that
 * rename other members.
 */
export async function* readTar(archive: ReadableStream<Uint8Array>): AsyncGenerator<TarMember> {
  const reader = new ByteReader(archive);
  try {
    let position = 0;
    for (;;) {
      const header = await reader.readExactly(TAR_BLOCK);
      if (header === undefined) throw damaged("it ends without an end mark");
      position += TAR_BLOCK;
      if (header.every((byte) => byte === 0)) break;
      const member = parseHeader(header);
      const padded = Math.ceil(member.size / TAR_BLOCK) * TAR_BLOCK;
      const rest = { left: member.size };
      yield { ...member, offset: position, content: contentOf(reader, member.path, rest) };
      await reader.skip(rest.left + padded - member.size);
      position += padded;
    }
    await onlyZerosLeft(reader);
  } catch (error) {
    throw error instanceof TruncatedStreamError ? damaged("it ends early", error) : error;
  } finally {
    await reader.cancel();
  }
}

/** Reads a member's content, and keeps count of what is left of it. */
async function* contentOf(
  reader: ByteReader,
  path: string,
  rest: { left: number },
): AsyncGenerator<Uint8Array> {
  while (rest.left > 0) {
    const chunk = await reader.readSome(rest.left);
    if (chunk === undefined) throw damaged(`it ends within ${shown(path)}`);
    rest.left -= chunk.length;
    yield chunk;
  }
}

async function onlyZerosLeft(reader: ByteReader): Promise<void> {
  for (let chunk = await reader.readSome(); chunk !== undefined; chunk = await reader.readSome()) {
    if (chunk.some((byte) => byte !== 0)) throw damaged("there is something after its end mark");
  }
}

function parseHeader(header: Uint8Array): Pick<TarMember, "path" | "type" | "size"> {
  const written = octal(header, 148, 8);
  let sum = 8 * 0x20;
  for (const [index, byte] of header.entries()) if (index < 148 || index >= 156) sum += byte;
  if (written !== sum) throw damaged("a header has a wrong checksum");
  const flag = String.fromCharCode(header[156] ?? 0);
  if (EXTENSIONS.has(flag)) throw damaged("it has extended headers");
  const prefix = text(header, 345, 155);
  const name = text(header, 0, 100);
  // GNU's variant of the format uses the prefix's place for something else.
  const posix = text(header, 257, 6) === "ustar";
  return {
    path: posix && prefix !== "" ? `${prefix}/${name}` : name,
    type: flag === "0" || flag === "\0" ? "file" : flag === "5" ? "folder" : "other",
    size: octal(header, 124, 12),
  };
}

function text(header: Uint8Array, start: number, length: number): string {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

function octal(header: Uint8Array, start: number, length: number): number {
  const digits = text(header, start, length).trim();
  if (!/^[0-7]{1,12}$/.test(digits)) throw damaged("a header has a wrong number");
  return parseInt(digits, 8);
}

/**
 * The error for an archive that cannot be used.
 *
 * @param why What is wrong with it, after "the archive cannot be used:".
 * @param cause The error behind it.
 */
export function damaged(why: string, cause?: unknown): OmcpError {
  return new OmcpError("invalid_argument", `The archive cannot be used: ${why}`, {
    state: "Nothing was loaded.",
    next: `Copy it again from where \`${
      ownCommand("bundle FILE")
    }\` wrote it, and compare the SHA-256 of both files.`,
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * Shows a path from an archive: bounded, on one line, escaped.
 *
 * @param path Any text.
 */
export function shown(path: string): string {
  return JSON.stringify(path.slice(0, 120));
}
