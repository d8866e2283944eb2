/** The files of an audit folder: one for each process, whose first line names the last lines of the files before. */
import { Buffer } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { type FileEnd, type LineHash, MAX_LINE_BYTES, type ReadLine, readLine } from "./audit_line.ts";

/** `audit-20261128T093000123Z-1a2b3c4d.jsonl`: in the order of their names, files are in the order of their starts. */
const NAME = /^audit-\d{8}T\d{9}Z-[0-9a-f]{8}\.jsonl$/;
/** Files that a new one looks at, the newest. An older one without a successor is one that an operator left while 200 servers started. */
const MOST_LOOKED_AT = 200;
/** Bytes that have a whole line, wherever they begin. */
const BLOCK = 2 * MAX_LINE_BYTES;

/** The time in the name of this process's last file, in ms. */
let lastTime = 0;

/** A name for a new file, which comes after those that this process has named before. */
export function newFileName(): string {
  lastTime = Math.max(Date.now(), lastTime + 1);
  const time = new Date(lastTime).toISOString().replace(/[-:.]/g, "");
  return `audit-${time}-${crypto.getRandomValues(new Uint8Array(4)).toHex()}.jsonl`;
}

/**
 * Lists the files of a folder.
 *
 * @param folder The folder.
 * @returns Their names, the oldest first.
 */
export function auditFiles(folder: string): readonly string[] {
  return readdirSync(folder).filter((name) => NAME.test(name)).sort();
}

/**
 * Finds the last lines that a new file must name: those of files that no other file names at their present end. Another server may be
 * writing one of them; then this line is in the middle of it later.
 *
 * @param folder The folder.
 */
export function openEnds(folder: string): readonly FileEnd[] {
  const named = new Set<LineHash>();
  const ends: FileEnd[] = [];
  for (const file of auditFiles(folder).slice(-MOST_LOOKED_AT)) {
    const { first, last } = edgesOf(`${folder}/${file}`);
    for (const { hash } of first?.after ?? []) named.add(hash);
    if (last !== undefined) ends.push({ file, hash: last.hash });
  }
  return ends.filter(({ hash }) => !named.has(hash));
}

/**
 * The first and the last complete line of a file; neither if it was removed meanwhile, or its server was killed before it had one.
 *
 * @param path The file.
 */
export function edgesOf(path: string): {
  readonly first: ReadLine | undefined;
  readonly last: ReadLine | undefined;
} {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return { first: undefined, last: undefined };
  }
  try {
    const { size } = fstatSync(file);
    const start = blockAt(file, 0);
    const end = blockAt(file, Math.max(0, size - BLOCK));
    const last = end.lastIndexOf("\n");
    return {
      first: lineIn(start, 0, start.indexOf("\n")),
      last: lineIn(end, last > 0 ? end.lastIndexOf("\n", last - 1) + 1 : 0, last),
    };
  } finally {
    closeSync(file);
  }
}

/** A part of a file. Only the line that is wanted becomes text: a server looks at many files when it starts. */
function blockAt(file: number, position: number): Buffer {
  const bytes = Buffer.allocUnsafe(BLOCK);
  return bytes.subarray(0, readSync(file, bytes, 0, BLOCK, position));
}

function lineIn(bytes: Buffer, from: number, to: number): ReadLine | undefined {
  return to < 0 ? undefined : readLine(bytes.toString("utf8", from, to));
}
