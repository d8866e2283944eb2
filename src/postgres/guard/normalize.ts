import { scanTokens, type Token } from "./parser.ts";

/** Characters of a statement that are read. */
const MAX_SCANNED = 8192;

/** What may end a text that was cut within a string, a quoted name or a comment. */
const ENDINGS = ["", "'", '"', "*/"];

/** Characters of a statement that go into the audit log. */
const MAX_LENGTH = 4096;

/** Tokens with a quote of strings, and numbers: `'x'`, `E'x'`, `B'01'`, `$$x$$`, `1.5`; quoted names are not constants. */
const CONSTANT = /^(?:[^"]*'|\$(?![0-9]+$)|\.?[0-9])/s;

/**
 * Writes a statement without its comments, and with `?` for each constant, so that it can be logged.
 *
 * @param sql The statement's text.
 * @returns The text, cut if it is long; null if it cannot be made.
 */
export function normalized(sql: string): string | null {
  const tokens = tokensOf(sql);
  if (tokens === undefined) return null;
  let text = "";
  let previous: Token | undefined;
  for (const token of tokens) {
    if (token.tokenName === "SQL_COMMENT" || token.tokenName === "C_COMMENT") continue;
    const glued = previous === undefined || previous.end === token.start;
    const shown = token.text.startsWith('"') ? token.text : CONSTANT.test(token.text) ? "?" : token.text;
    text += (glued ? "" : " ") + shown;
    previous = token;
  }
  const lists = text.replaceAll(/\?(?:\s*,\s*\?)+/g, "?, …").trim();
  const kept = lists.slice(0, MAX_LENGTH);
  return kept.length < lists.length || sql.length > MAX_SCANNED
    ? `${kept}… (of ${sql.length} characters)`
    : kept;
}

function tokensOf(sql: string): readonly Token[] | undefined {
  if (sql.length <= MAX_SCANNED) return scanTokens(sql);
  const start = sql.slice(0, MAX_SCANNED).toWellFormed();
  for (const ending of ENDINGS) {
    const tokens = scanTokens(start + ending);
    if (tokens !== undefined) return tokens;
  }
  return undefined;
}
