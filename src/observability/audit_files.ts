/** The files of an audit folder: one for each process, whose first line names the last lines of the files before. */
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { type FileEnd, type LineHash, MAX_LINE_BYTES, type ReadLine, readLine } from "./audit_line.ts";

/** `audit-20261128T093000123Z-1a2b3c4d.jsonl`: in the order of their names, files are in the order of their starts. */
const NAME = /^audit-\d{8}T\d{9}Z-[0-9a-f]{8}\.jsonl$/;
/** Files that a new one looks at, the newest. An older one without a successor is one that an operator left while 200 servers started. */
const MOST_LOOKED_AT = 200;

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
 * The first and the last complete line of a file; neither where it was removed meanwhile, or its server was killed before it had one.
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
    const [first] = linesAt(file, 0);
    const last = linesAt(file, Math.max(0, size - 2 * MAX_LINE_BYTES)).at(-1);
    return {
      first: first === undefined ? undefined : readLine(first),
      last: last === undefined ? undefined : readLine(last),
    };
  } finally {
    closeSync(file);
  }
}

/** Complete lines from a position; where it is within a line, the first of them is a part of one. */
function linesAt(file: number, position: number): readonly string[] {
  const bytes = new Uint8Array(2 * MAX_LINE_BYTES);
  const read = readSync(file, bytes, 0, bytes.byteLength, position);
  return new TextDecoder().decode(bytes.subarray(0, read)).split("\n").slice(0, -1);
}
