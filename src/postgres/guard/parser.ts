import { hasSqlDetails, loadModule, parseSync, scanSync } from "libpg-query";
import * as z from "zod";

const ParsedSchema = z.object({
  stmts: z.array(z.object({
    stmt: z.record(z.string(), z.unknown()),
    stmt_location: z.number().int().nonnegative().optional(),
    stmt_len: z.number().int().nonnegative().optional(),
  })),
});

const ScannedSchema = z.object({
  tokens: z.array(z.object({
    start: z.number().int().nonnegative(),
    end: z.number().int().nonnegative(),
    text: z.string(),
    tokenName: z.string(),
  })),
});

/** One statement of a text, and where it stands there, in bytes of UTF-8. */
export interface ParsedStatement {
  readonly tree: Readonly<Record<string, unknown>>;
  readonly start: number;
  readonly end: number;
}

/** A token of a text, and where it stands there, in bytes of UTF-8. */
export type Token = z.infer<typeof ScannedSchema>["tokens"][number];

/** PostgreSQL's own complaint about a text: an ordinary outcome, unlike any other error of the parser. */
export class GrammarError extends Error {
  override readonly name = "GrammarError";
  /** 1-based character where the error is. */
  readonly position: number;

  /** @param message PostgreSQL's message. @param position 1-based character. */
  constructor(message: string, position: number) {
    super(message);
    this.position = position;
  }
}

/** Loads PostgreSQL's grammar; to be awaited before anything is parsed. */
export async function loadGrammar(): Promise<void> {
  await loadModule();
}

/**
 * Parses a text with PostgreSQL's own grammar.
 *
 * @param sql Well-formed text without NUL.
 * @returns Its statements; none for an empty one.
 * @throws {GrammarError} Where PostgreSQL would report a syntax error.
 * @throws {Error} Where the parser itself fails, after which it must not be used again.
 */
export function parseStatements(sql: string): readonly ParsedStatement[] {
  if (sql === "") return [];
  const { stmts } = ParsedSchema.parse(parsed(sql));
  const length = new TextEncoder().encode(sql).byteLength;
  return stmts.map(({ stmt, stmt_location: start = 0, stmt_len: size = 0 }) => {
    // a length of 0 is PostgreSQL's way to say "to the end"
    return { tree: stmt, start, end: size === 0 ? length : start + size };
  });
}

function parsed(sql: string): unknown {
  try {
    return parseSync(sql);
  } catch (error) {
    if (!hasSqlDetails(error)) throw error;
    throw new GrammarError(error.message, (error.sqlDetails?.cursorPosition ?? 0) + 1);
  }
}

/**
 * Splits a text into tokens, also one that does not parse.
 *
 * @param sql Well-formed text without NUL.
 * @returns Its tokens, comments among them; undefined where it cannot be split.
 */
export function scanTokens(sql: string): readonly Token[] | undefined {
  if (sql === "") return [];
  try {
    return ScannedSchema.parse(scanSync(sql)).tokens;
  } catch {
    return undefined;
  }
}
