/** Checks an audit: that no line was changed, removed, inserted or moved, and that no file is missing. */
import { createReadStream } from "node:fs";
import { Buffer } from "node:buffer";
import { auditFiles, edgesOf } from "./audit_files.ts";
import { type FileEnd, type LineHash, MAX_LINE_BYTES, readLine } from "./audit_line.ts";

/** What is wrong, and where. */
export interface AuditProblem {
  readonly file: string;
  /** The line's number, from 1; undefined for the file as a whole. */
  readonly line: number | undefined;
  readonly problem: string;
}

/** What a check found. */
export interface AuditReport {
  readonly files: number;
  readonly lines: number;
  readonly problems: readonly AuditProblem[];
  /** Problems beyond the first of each file that are reported. */
  readonly furtherProblems: number;
  /** What may have an innocent cause, such as a file whose server was killed. */
  readonly notes: readonly AuditProblem[];
  /** Hashes that were asked for and that no line has. */
  readonly absent: readonly LineHash[];
  /** The last line of each file that no other file names: to be kept elsewhere. */
  readonly ends: readonly FileEnd[];
}

/** What is checked. */
export interface AuditCheck {
  /** Folders with files of one audit. */
  readonly folders: readonly string[];
  /** The name of the oldest file that must be there; older ones may be missing. @default all */
  readonly from?: string | undefined;
  /** Hashes of lines, kept elsewhere, that must be there. */
  readonly holds?: readonly LineHash[] | undefined;
}

/** Problems of one file that are reported; after a change in many lines, more say nothing new. */
const MOST_REPORTED = 10;

/** A claim of one file about a line of another. */
interface Claim extends FileEnd {
  readonly by: string;
}

/**
 * Checks an audit.
 *
 * @param check See {@link AuditCheck}.
 * @returns The report; the audit is whole where it has no problems and nothing is absent.
 * @throws What the system says where a folder or file cannot be read.
 */
export async function verifyAudit(check: AuditCheck): Promise<AuditReport> {
  const paths = new Map(
    check.folders.flatMap((folder) => auditFiles(folder).map((file) => [file, `${folder}/${file}`] as const)),
  );
  const problems: AuditProblem[] = [];
  const notes: AuditProblem[] = [];
  const absent = new Set(check.holds);
  const files = [...paths].filter(([file]) => check.from === undefined || file >= check.from)
    .sort(([a], [b]) => a < b ? -1 : 1);
  const claims = Map.groupBy(
    files.flatMap(([by, path]) => (edgesOf(path).first?.after ?? []).map((end): Claim => ({ by, ...end }))),
    ({ file }) => file,
  );
  const read: FileCheck[] = [];
  for (const [file, path] of files) read.push(await checkFile(file, path, claims.get(file) ?? [], absent));
  for (const [file, [claim]] of claims) {
    if (paths.has(file) || claim === undefined || (check.from !== undefined && file < check.from)) continue;
    problems.push({ file, line: undefined, problem: `is missing: ${claim.by} names it` });
  }
  for (const checked of read) {
    problems.push(...checked.problems);
    notes.push(...checked.notes);
  }
  return {
    files: read.length,
    lines: sum(read.map(({ lines }) => lines)),
    problems,
    furtherProblems: sum(read.map(({ furtherProblems }) => furtherProblems)),
    notes,
    absent: [...absent],
    ends: read.flatMap(({ file, last, isNamed }) => last === null || isNamed ? [] : [{ file, hash: last }]),
  };
}

interface FileCheck {
  readonly file: string;
  readonly lines: number;
  /** The first of them. */
  readonly problems: readonly AuditProblem[];
  readonly furtherProblems: number;
  readonly notes: readonly AuditProblem[];
  readonly last: LineHash | null;
  /** Whether another file names the last line. */
  readonly isNamed: boolean;
}

async function checkFile(
  file: string,
  path: string,
  claims: readonly Claim[],
  absent: Set<LineHash>,
): Promise<FileCheck> {
  const problems: AuditProblem[] = [];
  const notes: AuditProblem[] = [];
  const missing = new Map(claims.map(({ by, hash }) => [hash, by]));
  let previous: LineHash | null = null;
  let number = 0;
  let lastEvent = "";
  let furtherProblems = 0;
  const report = (line: number | undefined, problem: string) => {
    if (problems.length < MOST_REPORTED) problems.push({ file, line, problem });
    else furtherProblems += 1;
  };
  for await (const { text, isComplete } of linesOf(path)) {
    if (!isComplete) {
      notes.push({
        file,
        line: number + 1,
        problem: "is not complete: its server was killed, or could not write it",
      });
      break;
    }
    number += 1;
    const line = text === undefined ? undefined : readLine(text);
    if (line === undefined) {
      report(number, "is not a line of the audit");
      continue;
    }
    if (!line.isIntact) report(number, "was changed");
    else if (line.previous !== previous) {
      report(
        number,
        number === 1
          ? "is not the first line of a file: lines before it were removed"
          : `does not follow line ${number - 1}: lines were removed, inserted or moved here`,
      );
    }
    previous = line.hash;
    lastEvent = line.event;
    // The hash of a changed line is not that of its text.
    if (!line.isIntact) continue;
    missing.delete(line.hash);
    absent.delete(line.hash);
  }
  for (const by of missing.values()) {
    report(undefined, `was cut or replaced: ${by} names a line that it does not have`);
  }
  const isNamed = claims.some(({ hash }) => hash === previous);
  if (number === 0) notes.push({ file, line: undefined, problem: "is empty" });
  else if (lastEvent !== "end" && !isNamed) {
    notes.push({
      file,
      line: undefined,
      problem: "has no end: its server runs, was killed, or lines at the end were removed",
    });
  }
  return { file, lines: number, problems, furtherProblems, notes, last: previous, isNamed };
}

/** A file's lines; `text` is undefined for one that is longer than any line of the audit. */
async function* linesOf(
  path: string,
): AsyncGenerator<{ readonly text: string | undefined; readonly isComplete: boolean }> {
  let rest = Buffer.alloc(0);
  let isTooLong = false;
  for await (const chunk of createReadStream(path)) {
    let bytes = Buffer.concat([rest, Buffer.from(chunk)]);
    for (let end = bytes.indexOf("\n"); end >= 0; end = bytes.indexOf("\n")) {
      yield { text: isTooLong ? undefined : bytes.subarray(0, end).toString(), isComplete: true };
      isTooLong = false;
      bytes = bytes.subarray(end + 1);
    }
    if (bytes.length > MAX_LINE_BYTES) {
      isTooLong = true;
      bytes = Buffer.alloc(0);
    }
    rest = bytes;
  }
  if (rest.length > 0 || isTooLong) yield { text: undefined, isComplete: false };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0);
}
