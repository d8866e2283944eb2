/** Where audit lines go: a file of this process in the operator's folder, or the log on stderr. No log level silences either. */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { OmcpError } from "../errors.ts";
import { counted } from "../lib/counted.ts";
import { errorMessage } from "../lib/error_message.ts";
import { systemCode } from "../lib/system_code.ts";
import { newFileName, openEnds } from "./audit_files.ts";
import { type FileEnd, type LineHash, sealedLine } from "./audit_line.ts";
import { logger, writeAuditLine } from "./log.ts";

const log = logger("audit_sink");

/** Maximum of lines that are kept while the file cannot be written; further lines are dropped and counted. */
const MAX_PENDING = 10_000;
/** Bytes of a file after which the next line begins another one. */
const MAX_FILE = 64 * 1024 * 1024;

/** Non-blocking: opening a FIFO without a reader would hang. */
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK | constants.O_NOFOLLOW;
const CREATE = constants.O_CREAT | constants.O_EXCL;
const OWNER_ONLY = 0o600;
const OTHERS_WRITE = 0o022;

/** One line of the audit, JSON. */
export type AuditLine = Readonly<Record<string, string | number | null>> & {
  readonly event: "start" | "end" | "statement" | "execution";
};

/** Takes audit lines. */
export interface AuditSink {
  /**
   * Writes a line, or keeps it until it can be written. It does not throw.
   *
   * @param line The line, without its time.
   */
  write(line: AuditLine): void;
  /** Writes the lines that are kept, and returns whether that succeeded: whether the next line can be written. */
  ready(): boolean;
  /** Writes the lines that are kept; those that cannot be written go to the log. */
  close(): void;
}

/** Writes to stderr, among the log, which drops lines that stderr does not accept: nothing waits for a reader. */
export const LOG_SINK: AuditSink = {
  write: writeAuditLine,
  ready: () => true,
  close: () => {},
};

/** A file that this process writes. */
interface OwnFile {
  readonly path: string;
  readonly name: string;
  /** Bytes of complete lines in it. */
  bytes: number;
  /** Bytes of a line after these, of which the rest could not be written. */
  torn: number;
  /** The hash of its last line; null while it has none. */
  hash: LineHash | null;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Appends to a file of its own in a folder. Each write opens the file by its name. If an operator has moved the file, or somebody else has changed
 * its size, the line begins a new file, whose first line names the last line of the old one.
 */
export class FolderSink implements AuditSink {
  readonly #folder: string;
  readonly #maxBytes: number;
  #file: OwnFile | undefined;
  #pending: Fields[] = [];
  #dropped = 0;
  #failing = false;

  /**
   * Creates this process's file, and the folder where only that is missing.
   *
   * @param folder An absolute path.
   * @param maxBytes Bytes of a file after which the next line begins another one.
   * @throws {OmcpError} `config_invalid` if it cannot be written.
   */
  constructor(folder: string, maxBytes: number = MAX_FILE) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
    try {
      requireFolder(folder);
      this.#begin(openEnds(folder));
    } catch (cause) {
      throw new OmcpError(
        "config_invalid",
        `Cannot write to the audit folder ${folder}: ${errorMessage(cause)}`,
        {
          next:
            "Name a folder in OMCP_AUDIT_FOLDER that this user may read and write, and allow it with --allow-read and --allow-write.",
          cause,
        },
      );
    }
  }

  /** @inheritdoc */
  write(line: AuditLine): void {
    if (this.#pending.length < MAX_PENDING) this.#pending.push(timed(line));
    else this.#dropped += 1;
    this.#flush();
  }

  /** @inheritdoc */
  ready(): boolean {
    this.#flush();
    return !this.#failing;
  }

  /** @inheritdoc */
  close(): void {
    if (this.ready()) return;
    for (const line of this.#pending) log.error("Audit line that could not be written: {line}", { line });
  }

  #flush(): void {
    try {
      this.#writePending();
    } catch (error) {
      if (!this.#failing) {
        log.error(
          "Cannot write to the audit folder {folder}: {error}. The server refuses SQL statements until it can",
          { folder: this.#folder, error: errorMessage(error) },
        );
      }
      this.#failing = true;
      return;
    }
    if (!this.#failing) return;
    this.#failing = false;
    log.warning("The audit folder {folder} can be written again; lost {dropped}", {
      folder: this.#folder,
      dropped: counted(this.#dropped, "line"),
    });
    const dropped = this.#dropped;
    this.#dropped = 0;
    if (dropped > 0) this.write({ event: "statement", status: "lost", count: dropped });
  }

  #writePending(): void {
    do {
      const file = this.#file !== undefined && this.#file.bytes < this.#maxBytes ? this.#file : undefined;
      const descriptor = file === undefined ? undefined : opened(file);
      if (file === undefined || descriptor === undefined) {
        this.#begin(endsOf(this.#file));
        continue;
      }
      try {
        while (this.#pending[0] !== undefined && file.bytes < this.#maxBytes) {
          append(descriptor, file, this.#pending[0]);
          this.#pending.shift();
        }
      } finally {
        closeSync(descriptor);
      }
    } while (this.#pending.length > 0);
  }

  /** Creates a file, which counts only once its first line is written. */
  #begin(after: readonly FileEnd[]): void {
    const name = newFileName();
    const file: OwnFile = { path: `${this.#folder}/${name}`, name, bytes: 0, torn: 0, hash: null };
    const descriptor = openSync(file.path, APPEND | CREATE, OWNER_ONLY);
    try {
      append(descriptor, file, timed({ event: "file", after }));
    } catch (error) {
      // On a full disk, each attempt would leave an empty file.
      unlinkSync(file.path);
      throw error;
    } finally {
      closeSync(descriptor);
    }
    this.#file = file;
  }
}

function timed(line: Fields): Fields {
  return { time: new Date().toISOString(), ...line };
}

function endsOf(file: OwnFile | undefined): readonly FileEnd[] {
  return file === undefined || file.hash === null ? [] : [{ file: file.name, hash: file.hash }];
}

/**
 * Opens the file, without what a failed write left in it.
 *
 * @returns Undefined if it is not there or not as this process left it: lines must not follow what somebody else wrote.
 * @throws The system's error if it cannot be opened for another reason.
 */
function opened(file: OwnFile): number | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file.path, APPEND);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
  const found = fstatSync(descriptor);
  if (found.isFile() && found.size === file.bytes + file.torn) {
    if (file.torn > 0) ftruncateSync(descriptor, file.bytes);
    file.torn = 0;
    return descriptor;
  }
  closeSync(descriptor);
  return undefined;
}

function append(descriptor: number, file: OwnFile, fields: Fields): void {
  const { text, hash } = sealedLine(fields, file.hash);
  const bytes = new TextEncoder().encode(`${text}\n`);
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes.subarray(at));
  } catch (error) {
    // It does not report what it wrote before it failed.
    file.torn = Math.max(0, fstatSync(descriptor).size - file.bytes);
    throw error;
  }
  file.bytes += bytes.length;
  file.hash = hash;
}

function requireFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  }
  if ((statSync(folder).mode & OTHERS_WRITE) !== 0) {
    log.warning("Other users can write to the audit folder {folder}: set its mode to 0750", { folder });
  }
}
