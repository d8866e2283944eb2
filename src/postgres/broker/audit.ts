import { digest } from "../../observability/audit.ts";
import { clipped, type Place } from "../guard/text.ts";
import type { StatementPlan } from "../guard/mod.ts";
import type { Refusal } from "./refusals.ts";

/** What identifies an SQL text. */
export interface StatementSource {
  /** Bytes in UTF-8. */
  readonly length: number;
  /** SHA-256 of its UTF-8, in hexadecimal. */
  readonly sha256: string;
  /** Its beginning, at most {@link MAX_AUDIT_SOURCE} characters, literals included; only where {@link Auditing.keepsSource} asks for it. */
  readonly text?: string;
}

/** An entry of the audit: one statement. Without {@link StatementSource.text} it holds no literal, parameter or row. */
export interface AuditEntry {
  /** The sandbox that sent it. */
  readonly sandboxId: string;
  /** The statement as the client sent it; undefined if the message could not be read. */
  readonly source: StatementSource | undefined;
  /** The SQL with its literals removed, cut at {@link MAX_AUDIT_SQL} characters; null if it could not be parsed. */
  readonly normalizedSql: string | null;
  /** Whether the guard let it pass; a refused one never reached the server. */
  readonly decision: "forward" | "refuse";
  /** What kind of statement it was, such as `select`; absent if it was refused. */
  readonly command?: string;
  /** Rows the server sent (0 for COPY unless the server reports them). */
  readonly rows: number;
  /** Bytes of rows or COPY data that the server sent. */
  readonly bytes: number;
  /** Milliseconds from when the server could begin with it until its end; 0 for a refused one. */
  readonly elapsedMs: number;
  /** The SQLSTATE if it did not succeed. */
  readonly sqlstate?: string;
}

/** Takes audit entries; must not throw. */
export type Audit = (entry: AuditEntry) => void;

/** How statements are audited. */
export interface Auditing {
  /** Whether an entry would be written now. While it returns false, no statement passes. */
  ready(): boolean;
  /** Whether entries hold the source itself. */
  readonly keepsSource: boolean;
}

/** Takes every entry; entries hold no source. */
export const ALWAYS_AUDITING: Auditing = { ready: () => true, keepsSource: false };

/** Characters of normalised SQL that are kept for each statement. */
export const MAX_AUDIT_SQL = 2_048;

/** Characters of the source that are kept for each statement. */
export const MAX_AUDIT_SOURCE = 16_384;

/** Positions that are kept for a statement; errors of a statement with more have the server's positions. */
const MAX_PLACES = 64;

/** A statement that the guard let pass. */
export type ForwardedStatement = StatementPlan & { readonly kind: "forward" };

/** The refusal of a statement that could not be audited: it fails closed. */
export const UNAUDITED: Refusal = {
  sqlstate: "58030",
  message: "the server cannot write its audit: the statement was not run",
  hint: "This is for the server's operator: its log has the cause.",
};

/** What is remembered of a statement that was sent. */
export interface StatementNote {
  readonly normalized: string | null;
  readonly command: string;
  readonly source: StatementSource | undefined;
  /** The name that PREPARE or DEALLOCATE gives. */
  readonly argument?: string;
  /** Where its parts are in the client's text. */
  readonly places?: readonly Place[];
}

/**
 * Identifies an SQL text.
 *
 * @param text The text.
 * @param keeps Whether its beginning is kept, too.
 * @returns Length and hash of the whole.
 */
export function statementSource(text: string, keeps: boolean): StatementSource {
  return { ...digest(text), ...(keeps ? { text: clipped(text, MAX_AUDIT_SOURCE) } : {}) };
}

/** The text of a statement as the client wrote it. @param statement The statement as it was planned. @returns The text. */
export function sourceOf(statement: ForwardedStatement): string {
  return statement.source ?? statement.sql;
}

/**
 * Makes a note that takes little memory.
 *
 * @param statement The statement as it was planned.
 * @param keepsSource Whether the beginning of its source is kept.
 * @returns The note, its texts cut with the number of characters that are missing.
 */
export function statementNote(
  statement: ForwardedStatement,
  keepsSource: boolean,
): StatementNote {
  const { normalized, command, argument } = statement;
  const places = statement.places !== undefined && statement.places.length <= MAX_PLACES
    ? statement.places
    : undefined;
  return {
    normalized: audited(normalized),
    command,
    source: statementSource(sourceOf(statement), keepsSource),
    ...(argument === undefined ? {} : { argument }),
    ...(places === undefined ? {} : { places }),
  };
}

/**
 * Cuts a normalised SQL text to the length that the audit keeps.
 *
 * @param sql The text.
 * @returns The text, or its beginning and how much is missing.
 */
export function audited(sql: string | null): string | null {
  return sql === null ? null : clipped(sql, MAX_AUDIT_SQL);
}
