/** A character of a word, as in PostgreSQL: a letter, a digit, `_`, `$`, or anything beyond ASCII. */
const WORD = /[A-Za-z0-9_$\u0080-\uffff]/;
const SPACE = /[ \t\n\r\f\v]/;
/** The beginning of a literal in dollar quotes. */
const DOLLAR = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y;

/** The parts of a text that take time to read. */
export interface TokenCount {
  /** Words, literals and signs: a literal counts once however long it is. */
  readonly tokens: number;
  /** Beginnings of comments in slashes and stars, nested ones too: PostgreSQL's scanner takes time for each pair of them. */
  readonly comments: number;
}

/**
 * Counts as PostgreSQL's scanner would, in one pass; white space counts for nothing.
 *
 * @param sql The text.
 * @param most Where counting ends.
 * @returns The numbers; if there are more than `most` allows, one is above it.
 */
export function countTokens(sql: string, most: TokenCount): TokenCount {
  let tokens = 0;
  let comments = 0;
  let at = 0;
  while (at < sql.length && tokens <= most.tokens && comments <= most.comments) {
    if (SPACE.test(sql.charAt(at))) {
      at += 1;
    } else if (sql.startsWith("--", at)) {
      while (at < sql.length && sql[at] !== "\n" && sql[at] !== "\r") at += 1;
    } else if (sql.startsWith("/*", at)) {
      const comment = afterComment(sql, at);
      comments += comment.count;
      at = comment.end;
    } else {
      tokens += 1;
      at = afterPiece(sql, at);
    }
  }
  return { tokens, comments };
}

/** Comments nest. */
function afterComment(sql: string, from: number): { readonly end: number; readonly count: number } {
  let depth = 0;
  let count = 0;
  let at = from;
  while (at < sql.length) {
    if (sql.startsWith("/*", at)) {
      depth += 1;
      count += 1;
      at += 2;
    } else if (sql.startsWith("*/", at)) {
      depth -= 1;
      at += 2;
      if (depth === 0) break;
    } else {
      at += 1;
    }
  }
  return { end: at, count };
}

function afterPiece(sql: string, from: number): number {
  const sign = sql.charAt(from);
  if (sign === "'" || sign === '"') return afterQuote(sql, from, false);
  if ((sign === "E" || sign === "e") && sql[from + 1] === "'") return afterQuote(sql, from + 1, true);
  if (sign === "$") {
    DOLLAR.lastIndex = from;
    const tag = DOLLAR.exec(sql)?.[0];
    if (tag !== undefined) {
      const end = sql.indexOf(tag, from + tag.length);
      return end < 0 ? sql.length : end + tag.length;
    }
  }
  let at = from + 1;
  if (WORD.test(sign)) { while (at < sql.length && WORD.test(sql.charAt(at))) at += 1; }
  return at;
}

/** Within quotes, a doubled quote means one. */
function afterQuote(sql: string, from: number, escapes: boolean): number {
  const quote = sql.charAt(from);
  let at = from + 1;
  while (at < sql.length) {
    const sign = sql[at];
    if (sign === "\\" && escapes) at += 2;
    else if (sign !== quote) at += 1;
    else if (sql[at + 1] === quote) at += 2;
    else return at + 1;
  }
  return at;
}
