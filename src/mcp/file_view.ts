/** A file as a tool result: text, a picture, base64, or a description of what it is. */
import type { CallToolResult } from "@modelcontextprotocol/server";
import { escapedControls, readableBytes } from "../lib/text.ts";
import { concatBytes, utf8Bytes } from "../lib/bytes.ts";
import type { FileContent, SandboxFiles } from "../sandbox/mod.ts";
import { shownPath } from "../lib/shown_path.ts";
import { textPiece } from "./file_text.ts";
import { MAX_IMAGE_BYTES, pictureProblem, pictureType } from "./image.ts";
import { textResult } from "./results.ts";

/** The bytes of a binary file that its description shows. */
const SHOWN_BYTES = 16;

/** Which part of a file is wanted, in bytes. */
export interface FileRange {
  readonly path: string;
  /** From the end where negative. */
  readonly offset: number | undefined;
  readonly limit: number | undefined;
}

/** How a file is read. */
export interface ViewOptions {
  /** The most characters of the result's text, as for a cell's output. */
  readonly characters: number;
  readonly signal: AbortSignal;
}

/** A part of a file that was read. */
interface Part extends Omit<FileContent, "bytes" | "changed"> {
  readonly bytes: Uint8Array;
  readonly changed: boolean;
}

/**
 * Reads a file for a model. The result says which part of the file it shows, and how to read on.
 *
 * @param files The sandbox's files.
 * @param range Which part.
 * @param options See {@link ViewOptions}.
 * @throws {OmcpError} What `files.read` throws.
 */
export async function fileView(
  files: SandboxFiles,
  range: FileRange,
  options: ViewOptions,
): Promise<CallToolResult> {
  const { characters, signal } = options;
  const limit = Math.min(range.limit ?? characters, characters);
  const part = await readPart(files, range.path, { offset: range.offset ?? 0, limit }, signal);
  const notes = [
    ...(range.limit !== undefined && range.limit > limit
      ? [`limit ${range.limit} is above the maximum of ${limit}`]
      : []),
    ...(part.changed ? ["the file changed while it was read"] : []),
    ...(part.allocated === 0 && part.size > 4096 ? ["the file has no data: it is a hole of zeros"] : []),
  ];
  const name = shownPath(range.path);
  if (part.length === 0) {
    const nothing = part.size === 0 ? "empty" : `nothing at offset ${range.offset ?? 0}`;
    return textResult(lines(`[${name}: ${readableBytes(part.size)}, ${nothing}]`, "", notes));
  }
  const wantsWhole = range.offset === undefined && range.limit === undefined;
  const type = part.offset === 0 ? pictureType(part.bytes) : undefined;
  if (wantsWhole && type !== undefined) {
    const whole = await wholePicture(files, range.path, part, signal);
    const problem = whole === undefined
      ? `not shown: at most ${readableBytes(MAX_IMAGE_BYTES)} can be shown`
      : pictureProblem(type, whole);
    if (whole !== undefined && problem === undefined) {
      const data = whole.toBase64();
      const text = lines(`[${name}: ${readableBytes(part.size)}, ${type}]`, "", notes);
      return { content: [{ type: "text", text }, { type: "image", data, mimeType: type }] };
    }
    return textResult(
      lines(`[${name}: ${readableBytes(part.size)}, ${type}; ${problem}]`, "", [
        ...notes,
        "pass limit to read its bytes as base64, or make it smaller in a cell",
      ]),
    );
  }
  return textResult(textView(name, part, notes) ?? binaryView(name, part, notes, range.limit !== undefined));
}

/**
 * How much of a file a result shows.
 *
 * @param result What {@link fileView} returned.
 */
export function shownBytes({ content }: CallToolResult): number {
  return content.reduce((sum, block) => {
    if (block.type === "image") return sum + Math.floor(block.data.length / 4) * 3;
    return sum + (block.type === "text" ? utf8Bytes(block.text) : 0);
  }, 0);
}

function textView(name: string, part: Part, notes: readonly string[]): string | undefined {
  const { offset, length, size, bytes } = part;
  const piece = textPiece(bytes, { begin: offset === 0, end: offset + length === size });
  if (piece === undefined) return undefined;
  const start = offset + piece.skipped;
  const next = offset + piece.used;
  const extent = start === 0 && next === size ? "" : `, ${bytesFrom(start, next)}`;
  const rest = size - next;
  return lines(`[${name}: ${readableBytes(size)}${extent}]`, escapedControls(piece.text), [
    ...notes,
    ...(piece.invalid > 0
      ? [
        "it is not UTF-8: other characters are shown as \ufffd; in a cell, try encoding='latin-1' or 'cp1252'",
      ]
      : []),
    ...(rest > 0 ? [`${readableBytes(rest)} follow; continue with offset: ${next}`] : []),
  ]);
}

function binaryView(name: string, part: Part, notes: readonly string[], wanted: boolean): string {
  const { offset, size, bytes } = part;
  if (!wanted) {
    const begin = [...bytes.subarray(0, SHOWN_BYTES)].map((byte) => byte.toString(16).padStart(2, "0")).join(
      " ",
    );
    return lines(`[${name}: ${readableBytes(size)}, binary; its bytes at ${offset} are ${begin}]`, "", [
      ...notes,
      "read it in a cell, or pass limit to get bytes as base64",
    ]);
  }
  // The base64 text, too, may have only `bytes.length` characters: it takes four for three bytes.
  const shown = bytes.subarray(0, Math.max(3, Math.floor(bytes.length / 4) * 3));
  const next = offset + shown.length;
  return lines(
    `[${name}: ${readableBytes(size)}, binary, base64 of ${bytesFrom(offset, next)}]`,
    shown.toBase64(),
    [
      ...notes,
      ...(next < size ? [`${readableBytes(size - next)} follow; continue with offset: ${next}`] : []),
    ],
  );
}

function bytesFrom(start: number, end: number): string {
  return end - start === 1 ? `byte ${start}` : `bytes ${start} to ${end - 1}`;
}

function lines(head: string, body: string, notes: readonly string[]): string {
  const text = body === "" ? [] : [body.replace(/\n$/, "")];
  return [head, ...text, ...notes.map((note) => `[${note}]`)].join("\n");
}

async function readPart(
  files: SandboxFiles,
  path: string,
  range: { readonly offset: number; readonly limit: number },
  signal: AbortSignal,
): Promise<Part> {
  const { bytes, changed, ...facts } = await files.read(path, range, { signal });
  const whole = concatBytes(await Array.fromAsync(bytes));
  return { ...facts, bytes: whole, changed: changed() };
}

/** All bytes of a picture; undefined if it is too large to be shown. */
async function wholePicture(
  files: SandboxFiles,
  path: string,
  part: Part,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (part.size > MAX_IMAGE_BYTES) return undefined;
  if (part.length === part.size) return part.bytes;
  return (await readPart(files, path, { offset: 0, limit: MAX_IMAGE_BYTES }, signal)).bytes;
}
