/** Where audit lines go: a file that the operator names, or the log on stderr. No log level silences either. */
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { OmcpError } from "../errors.ts";
import { counted } from "../lib/counted.ts";
import { escapedLine } from "./json_line.ts";
import { logger } from "./log.ts";
import { errorMessage } from "../lib/error_message.ts";

const log = logger("audit_sink");
const audit = logger("audit");

/** Maximum of lines that are kept while the file cannot be written; further lines are dropped and counted. */
const MAX_PENDING = 10_000;

/** Non-blocking: opening a FIFO without a reader would hang. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;
const OWNER_ONLY = 0o600;

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

/** Writes to the log, which drops lines that stderr does not accept: nothing waits for a reader. */
export const LOG_SINK: AuditSink = {
  write: (line) => audit.info("Audit", { ...line }),
  ready: () => true,
  close: () => {},
};

/**
 * Appends to a file. Each write opens the file by its name, so that an operator can rotate it by renaming it.
 */
export class FileSink implements AuditSink {
  readonly #path: string;
  #pending: string[] = [];
  #dropped = 0;
  #failing = false;
  /** Whether the last write left a part of a line in the file. */
  #torn = false;

  /**
   * Opens the file once, to check that it can be written.
   *
   * @param path An absolute path. A file that does not exist is created with mode 0600.
   * @throws {OmcpError} `config_invalid` where it cannot be written.
   */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#withFile((file) => {
        if ((fstatSync(file).mode & 0o077) !== 0) {
          log.warning("Users besides the owner can access the audit file {path}: set its mode to 0600", {
            path,
          });
        }
      });
    } catch (cause) {
      throw new OmcpError("config_invalid", `Cannot write the audit file ${path}: ${errorMessage(cause)}`, {
        next:
          "Name a file in OMCP_AUDIT_FILE that this user may write, in a folder that exists, and allow it with --allow-write.",
        cause,
      });
    }
  }

  /** @inheritdoc */
  write(line: AuditLine): void {
    if (this.#pending.length < MAX_PENDING) this.#pending.push(written(line));
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
      this.#withFile((file) => {
        while (this.#pending[0] !== undefined) {
          this.#append(file, this.#pending[0]);
          this.#pending.shift();
        }
      });
    } catch (error) {
      if (!this.#failing) {
        log.error(
          "Cannot write the audit file {path}: {error}. The server refuses SQL statements until it can",
          {
            path: this.#path,
            error: errorMessage(error),
          },
        );
      }
      this.#failing = true;
      return;
    }
    if (!this.#failing) return;
    this.#failing = false;
    log.warning("The audit file {path} can be written again; lost {dropped}", {
      path: this.#path,
      dropped: counted(this.#dropped, "line"),
    });
    const dropped = this.#dropped;
    this.#dropped = 0;
    if (dropped > 0) this.write({ event: "statement", status: "lost", count: dropped });
  }

  #append(file: number, line: string): void {
    const bytes = new TextEncoder().encode(this.#torn ? `\n${line}` : line);
    for (let at = 0; at < bytes.length;) {
      at += writeSync(file, bytes.subarray(at));
      this.#torn = at < bytes.length;
    }
  }

  #withFile(use: (descriptor: number) => void): void {
    // node:fs, because Deno.stat needs the read permission.
    const file = openSync(this.#path, FLAGS, OWNER_ONLY);
    try {
      // Something else, such as a link to /dev/null, may have replaced the file.
      if (!fstatSync(file).isFile()) throw new Error("it is not a regular file");
      use(file);
    } finally {
      closeSync(file);
    }
  }
}

function written(line: AuditLine): string {
  return `${escapedLine(JSON.stringify({ time: new Date().toISOString(), ...line }))}\n`;
}
