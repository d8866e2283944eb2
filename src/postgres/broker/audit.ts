import { clipped, type Place } from "../guard/text.ts";

/** A line of the audit log: one statement. It holds no literal, parameter or row. */
export interface AuditEntry {
  /** Whose statement it was. */
  readonly sandboxId: string;
  /** The SQL with its literals removed, cut at {@link MAX_AUDIT_SQL} characters; null where it could not be parsed. */
  readonly normalizedSql: string | null;
  /** Whether the guard let it pass; a refused one never reached the server. */
  readonly verdict: "forward" | "refuse";
  /** What kind of statement it was, such as `select`; absent where it was refused. */
  readonly command?: string;
  /** Rows the server sent (0 for COPY unless it told). */
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

/** Characters of normalised SQL that are kept a statement. */
export const MAX_AUDIT_SQL = 2_048;

/** Places that are remembered; of a statement with more, errors stand where the server has them. */
const MAX_PLACES = 64;

/** What is remembered of a statement that was let through. */
export interface StatementNote {
  readonly normalized: string | null;
  readonly command: string;
  /** What DEALLOCATE names. */
  readonly argument?: string;
  /** Where its parts stand in the client's text. */
  readonly places?: readonly Place[];
}

/**
 * Makes a note that costs little to keep.
 *
 * @param statement The statement as it was planned.
 * @returns The note, its text cut with the number of characters that are missing.
 */
export function statementNote(statement: StatementNote): StatementNote {
  const { normalized, command, argument } = statement;
  const places = statement.places !== undefined && statement.places.length <= MAX_PLACES
    ? statement.places
    : undefined;
  return {
    normalized: audited(normalized),
    command,
    ...(argument === undefined ? {} : { argument }),
    ...(places === undefined ? {} : { places }),
  };
}

/**
 * Cuts a normalised SQL text to what the audit keeps.
 *
 * @param sql The text.
 * @returns The text, or its beginning and how much is missing.
 */
export function audited(sql: string | null): string | null {
  return sql === null ? null : clipped(sql, MAX_AUDIT_SQL);
}
