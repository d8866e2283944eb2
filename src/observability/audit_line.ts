/**
 * Lines of the audit as they are in a file: JSON whose last two fields are the hash of the line before and its own. So a check finds lines that were
 * changed, removed, inserted or moved. The hashes have no key: anybody who can write the file can compute them again, which shows only where a later
 * hash is kept elsewhere.
 */
import { createHash } from "node:crypto";
import * as z from "zod";
import { parsedJson } from "../lib/parsed_json.ts";
import { escapedLine } from "./json_line.ts";

/** SHA-256 in hexadecimal. */
export type LineHash = string;

/** Bytes that no line exceeds: 16,384 characters of source and 2,048 of SQL, each of at most 6 bytes, and short fields. */
export const MAX_LINE_BYTES = 256 * 1024;

/** A line that can be written. */
export interface SealedLine {
  /** Without a line feed. */
  readonly text: string;
  readonly hash: LineHash;
}

/** The last line of another file, as the first line of a file names it. */
export interface FileEnd {
  readonly file: string;
  readonly hash: LineHash;
}

/** A line as it was read. */
export interface ReadLine {
  readonly event: string;
  /** Null in the first line of a file. */
  readonly previous: LineHash | null;
  readonly hash: LineHash;
  /** In the first line of a file: the last lines of the files before. */
  readonly after: readonly FileEnd[] | undefined;
  /** Whether the line's own hash is that of its text. */
  readonly isIntact: boolean;
}

const SEAL = /^(.*),"hash":"([0-9a-f]{64})"\}$/s;
const hashSchema = z.string().regex(/^[0-9a-f]{64}$/);
const lineSchema = z.looseObject({
  event: z.string(),
  previous: hashSchema.nullable(),
  after: z.array(z.strictObject({ file: z.string(), hash: hashSchema })).optional(),
});

/**
 * Adds the hashes to a line.
 *
 * @param fields Its fields; they have no `previous` and no `hash`.
 * @param previous The hash of the line before; null for the first of a file.
 */
export function sealedLine(
  fields: Readonly<Record<string, unknown>>,
  previous: LineHash | null,
): SealedLine {
  const text = escapedLine(JSON.stringify({ ...fields, previous }));
  const hash = hashOf(text);
  return { text: `${text.slice(0, -1)},"hash":"${hash}"}`, hash };
}

/**
 * Reads a line.
 *
 * @param text The line, without a line feed.
 * @returns What the chain needs of it; undefined if it is not a line of the audit.
 */
export function readLine(text: string): ReadLine | undefined {
  const [, body, hash] = SEAL.exec(text) ?? [];
  if (body === undefined || hash === undefined) return undefined;
  const fields = lineSchema.safeParse(parsedJson(`${body}}`));
  if (!fields.success) return undefined;
  const { event, previous, after } = fields.data;
  return { event, previous, hash, after, isIntact: hash === hashOf(`${body}}`) };
}

function hashOf(text: string): LineHash {
  return createHash("sha256").update(text).digest("hex");
}
