import { scanTokens, type Token } from "./parser.ts";

/** What of a statement goes into the audit log, in characters. */
const MAX_LENGTH = 4096;

/** Tokens with a quote of strings, and numbers: `'x'`, `E'x'`, `B'01'`, `$$x$$`, `1.5`; quoted names are no constants. */
const CONSTANT = /^(?:[^"]*'|\$(?![0-9]+$)|\.?[0-9])/s;

/**
 * Writes a statement without its comments, and with `?` for each constant, so that it can be logged.
 *
 * @param sql The statement's text.
 * @returns It, cut at 4,096 characters; null where it cannot be had.
 */
export function normalized(sql: string): string | null {
  const tokens = scanTokens(sql);
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
  if (lists.length <= MAX_LENGTH) return lists;
  return `${lists.slice(0, MAX_LENGTH)}… (${lists.length - MAX_LENGTH} characters more)`;
}
