import * as z from "zod";
import { parseTree, tokenList } from "./grammar.ts";

const ParsedSchema = z.object({
  stmts: z.array(z.object({
    stmt: z.record(z.string(), z.unknown()),
    stmt_location: z.number().int().nonnegative().optional(),
    stmt_len: z.number().int().nonnegative().optional(),
  })),
});

/** A token as the scanner writes it: `[start, end]` in bytes, its text and the name of its kind. */
const TokenSchema = z.object({
  start: z.number(),
  end: z.number(),
  text: z.string(),
  tokenName: z.string(),
});
const ScannedSchema = z.object({ tokens: z.array(TokenSchema) });

/** One statement of a text, and its place there in bytes of UTF-8. */
export interface ParsedStatement {
  readonly tree: Readonly<Record<string, unknown>>;
  readonly start: number;
  readonly end: number;
}

/** A token of a text, and its place there in bytes of UTF-8. */
export type Token = z.infer<typeof TokenSchema>;

/**
 * Parses a text with PostgreSQL's own grammar.
 *
 * @param sql Well-formed text without NUL.
 * @returns Its statements; an empty list for an empty text.
 * @throws {GrammarError} Where PostgreSQL would report a syntax error.
 * @throws {Error} Where the parser itself fails, after which it must not be used again.
 */
export function parseStatements(sql: string): readonly ParsedStatement[] {
  if (sql === "") return [];
  const { stmts } = ParsedSchema.parse(parseTree(sql));
  const length = new TextEncoder().encode(sql).byteLength;
  return stmts.map(({ stmt, stmt_location: start = 0, stmt_len: size = 0 }) => {
    // a length of 0 is PostgreSQL's way to say "to the end"
    return { tree: stmt, start, end: size === 0 ? length : start + size };
  });
}

/**
 * Splits a text into tokens, also one that does not parse.
 *
 * @param sql Well-formed text without NUL.
 * @returns Its tokens, comments among them; undefined if it cannot be split.
 */
export function scanTokens(sql: string): readonly Token[] | undefined {
  if (sql === "") return [];
  try {
    return ScannedSchema.parse(tokenList(sql)).tokens;
  } catch {
    return undefined;
  }
}
