/** The audit: who ran what in which sandbox. It holds no row, parameter or secret; the source only where the operator asks for it. */
import { createHash } from "node:crypto";
import { OmcpError } from "../errors.ts";
import type { AuditSink } from "./audit_sink.ts";

/** Maximum of a recorded source, in characters; length and hash are those of the whole source. */
const MAX_SOURCE = 16_384;

/** What identifies a source without holding it. */
export interface SourceDigest {
  /** Bytes in UTF-8. */
  readonly length: number;
  /** SHA-256 of its UTF-8, in hexadecimal. */
  readonly sha256: string;
}

/** What is known of an execution before it runs. */
export interface ExecutionFacts {
  /** Its id. */
  readonly execution: string;
  readonly principal: string;
  /** Null for an execution that belongs to no sandbox. */
  readonly sandbox: string | null;
  readonly tool: string;
  readonly source: string;
  /** Whether it runs code in the sandbox's kernel, which can send statements. */
  readonly usesKernel: boolean;
  /** Names of packages that it asks a package index for. @default none */
  readonly packages?: readonly string[] | undefined;
  /** Further fields of its line; the run may add some until it ends. @default none */
  readonly more?: MoreFacts | undefined;
}

/** Further fields of a line. */
export type MoreFacts = Record<string, string | number | null>;

/** How an execution ended. */
export interface ExecutionEnd {
  readonly status: string;
  /** Bytes of its output. */
  readonly bytes: number;
}

/** A statement that has ended or was refused. */
export interface StatementFacts {
  readonly principal: string;
  readonly sandbox: string;
  readonly status: "ok" | "error" | "refused";
  /** The SQLSTATE if it is not `ok`. */
  readonly sqlstate: string | null;
  /** Its kind, such as `select`; null if it was refused. */
  readonly command: string | null;
  /** Undefined if the guard could not read the text. */
  readonly digest: SourceDigest | undefined;
  /** The SQL without its literals; null if it could not be parsed. */
  readonly normalized: string | null;
  readonly source: string | undefined;
  readonly rows: number;
  readonly bytes: number;
  readonly durationMs: number;
}

/**
 * Identifies a source.
 *
 * @param source The text.
 */
export function digest(source: string): SourceDigest {
  const bytes = new TextEncoder().encode(source);
  return { length: bytes.byteLength, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** Records executions and statements in a sink. */
export class AuditLog {
  readonly #sink: AuditSink;
  readonly #keepsSource: boolean;
  /** The executions of each sandbox that have not ended, in the order in which they run. */
  readonly #open = new Map<string, string[]>();

  /**
   * @param sink Where lines go.
   * @param keepsSource Whether lines hold the source itself.
   */
  constructor(sink: AuditSink, keepsSource: boolean) {
    this.#sink = sink;
    this.#keepsSource = keepsSource;
  }

  /** Whether lines hold the source itself. */
  get keepsSource(): boolean {
    return this.#keepsSource;
  }

  /** Whether a line would be written now. While it is false, no SQL statement may run. */
  ready(): boolean {
    return this.#sink.ready();
  }

  /**
   * Records that the server starts.
   *
   * @param facts Version and instance.
   */
  start(facts: { readonly version: string; readonly instance: string }): void {
    this.#sink.write({ event: "start", ...facts });
  }

  /** Records that the server ends, and writes the lines that are kept. */
  close(): void {
    this.#sink.write({ event: "end" });
    this.#sink.close();
  }

  /**
   * Runs an execution and records it. A statement is recorded with the id of its sandbox's oldest execution that has not ended.
   *
   * @param facts Who runs what.
   * @param run Runs it.
   * @param endOf Derives the end from its value.
   * @returns What `run` returns; what it throws is recorded, too.
   */
  async execution<T>(
    facts: ExecutionFacts,
    run: () => Promise<T>,
    endOf: (value: T) => ExecutionEnd,
  ): Promise<T> {
    const { execution, principal, sandbox, tool, source, packages, more } = facts;
    using _open = facts.usesKernel && sandbox !== null ? this.#opened(sandbox, execution) : undefined;
    const start = performance.now();
    let end: ExecutionEnd = { status: "internal", bytes: 0 };
    try {
      const value = await run();
      end = endOf(value);
      return value;
    } catch (error) {
      if (error instanceof OmcpError) end = { status: error.code, bytes: 0 };
      throw error;
    } finally {
      this.#sink.write({
        event: "execution",
        principal,
        sandbox,
        execution,
        tool,
        ...end,
        ...more,
        duration_ms: Math.round(performance.now() - start),
        ...(packages === undefined ? {} : { packages: packages.join(", ") }),
        ...digest(source),
        ...this.#source(source),
      });
    }
  }

  /**
   * Records a statement.
   *
   * @param facts See {@link StatementFacts}.
   */
  statement(facts: StatementFacts): void {
    const { principal, sandbox, status, sqlstate, command, rows, bytes, durationMs, normalized } = facts;
    this.#sink.write({
      event: "statement",
      principal,
      sandbox,
      execution: this.#open.get(sandbox)?.[0] ?? null,
      status,
      sqlstate,
      command,
      rows,
      bytes,
      duration_ms: durationMs,
      length: facts.digest?.length ?? null,
      sha256: facts.digest?.sha256 ?? null,
      normalized,
      ...this.#source(facts.source),
    });
  }

  /** Counts an execution as one to which statements of the sandbox can belong, until it is disposed of. */
  #opened(sandbox: string, id: string): Disposable {
    const open = this.#open.get(sandbox) ?? [];
    this.#open.set(sandbox, open);
    open.push(id);
    return {
      [Symbol.dispose]: () => {
        open.splice(open.indexOf(id), 1);
        if (open.length === 0) this.#open.delete(sandbox);
      },
    };
  }

  #source(source: string | undefined): { readonly source?: string } {
    return this.#keepsSource && source !== undefined ? { source: source.slice(0, MAX_SOURCE) } : {};
  }
}
