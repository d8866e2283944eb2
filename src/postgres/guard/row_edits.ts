/** Writes the subqueries of {@link CatalogRows} into a client's text. */
import { scanTokens, type Token } from "./parser.ts";
import { Refusal } from "./refusal.ts";
import { type Edit, quoteName, type Range } from "./rewrite.ts";

/** A part of a statement to rewrite; offsets are bytes from the start of the parsed text. */
export type PendingRows =
  | {
    readonly kind: "relation";
    readonly offset: number;
    readonly schema: boolean;
    readonly rows: string;
    /** The relation's name, if it has no alias. */
    readonly name: string | undefined;
  }
  /** A column that is named with its relation's schema: a subquery has no schema. */
  | { readonly kind: "column"; readonly offset: number }
  /** An argument of a call, counted from 0. */
  | {
    readonly kind: "argument";
    readonly offset: number;
    readonly argument: number;
    readonly around: readonly [string, string];
  }
  /** A column of an OID, to be shown as a name; `names` is 2 if it is written with its relation. */
  | {
    readonly kind: "value";
    readonly offset: number;
    readonly names: number;
    readonly around: readonly [string, string];
  }
  /** A whole call. */
  | { readonly kind: "call"; readonly offset: number; readonly around: readonly [string, string] }
  /** A cast. `offset` is the place of `::`, CAST or the literal; `start` is where the cast begins, without parentheses around it. */
  | {
    readonly kind: "cast";
    readonly offset: number;
    readonly start: number;
    readonly around: readonly [string, string];
  };

const OPEN: ReadonlySet<string> = new Set(["(", "["]);
const CLOSE: ReadonlySet<string> = new Set([")", "]"]);

/**
 * Makes the edits. Their result is parsed and checked again, so a wrong place cannot pass.
 *
 * @param text The whole text.
 * @param range The statement in it.
 * @param pending What to write.
 * @returns The edits, outer ones first.
 * @throws {Refusal} A place is not found.
 */
export function rowEdits(
  text: Uint8Array,
  { start, end }: Range,
  pending: readonly PendingRows[],
): readonly Edit[] {
  if (pending.length === 0) return [];
  const tokens = (scanTokens(new TextDecoder().decode(text.subarray(start, end))) ?? [])
    .filter(({ tokenName }) => !tokenName.endsWith("COMMENT"))
    .map((token) => ({ ...token, start: token.start + start, end: token.end + start }));
  const at = new Map(tokens.map((token, index) => [token.start, index]));
  const first: Edit[] = [];
  const last: Edit[] = [];
  const around = (span: Span, [before, after]: readonly [string, string]): void => {
    first.push({ start: span.first.start, end: span.first.start, text: before });
    last.push({ start: span.last.end, end: span.last.end, text: after });
  };
  for (const part of pending) {
    const index = at.get(part.offset);
    if (index === undefined) throw unsure();
    switch (part.kind) {
      case "relation": {
        const end = token(tokens, part.schema ? index + 2 : index).end;
        const before = tokens[index - 1];
        const table = before?.text.toLowerCase() === "table";
        const alias = part.name === undefined ? "" : ` AS ${quoteName(part.name)}`;
        const rows = `(${part.rows})${alias}`;
        first.push({
          start: table ? before.start : part.offset,
          end,
          text: table ? `SELECT * FROM ${rows}` : rows,
        });
        break;
      }
      case "column":
        first.push({ start: part.offset, end: token(tokens, index + 2).start, text: "" });
        break;
      case "value":
        around(
          { first: token(tokens, index), last: token(tokens, index + 2 * (part.names - 1)) },
          part.around,
        );
        break;
      case "argument":
        around(argumentSpan(tokens, index, part.argument), part.around);
        break;
      case "call":
        around({ first: token(tokens, index), last: token(tokens, closing(tokens, index)) }, part.around);
        break;
      case "cast":
        around(castSpan(tokens, { at: index, first: at.get(part.start) ?? -1 }), part.around);
        break;
    }
  }
  // Of two that end at the same place, the inner one is closed first.
  return [...first, ...last.reverse()];
}

/** A part of the text from one token to another. */
interface Span {
  readonly first: Token;
  readonly last: Token;
}

/** The index of the parenthesis that closes the first one from a token on. */
function closing(tokens: readonly Token[], from: number): number {
  let at = from;
  while (token(tokens, at).text !== "(") at += 1;
  for (let depth = 0;; at += 1) {
    const { text } = token(tokens, at);
    if (OPEN.has(text)) depth += 1;
    if (CLOSE.has(text)) depth -= 1;
    if (depth === 0) return at;
  }
}

/** The tokens of a call's argument. */
function argumentSpan(tokens: readonly Token[], name: number, argument: number): Span {
  let at = name;
  while (token(tokens, at).text !== "(") at += 1;
  let first = at + 1;
  for (let depth = 0, next = first, passed = 0;; next += 1) {
    const { text } = token(tokens, next);
    if (depth === 0 && (text === "," || CLOSE.has(text))) {
      if (passed === argument) return { first: token(tokens, first), last: token(tokens, next - 1) };
      if (text !== ",") throw unsure();
      passed += 1;
      first = next + 1;
    }
    if (OPEN.has(text)) depth += 1;
    if (CLOSE.has(text)) depth -= 1;
  }
}

/** The tokens of `a::type`, `CAST(a AS type)` or `type 'a'`. */
function castSpan(tokens: readonly Token[], { at, first }: { at: number; first: number }): Span {
  const { text } = token(tokens, at);
  if (first < 0) throw unsure();
  if (text.toUpperCase() === "CAST") {
    return { first: token(tokens, at), last: token(tokens, closing(tokens, at)) };
  }
  if (text !== "::") return { first: token(tokens, first), last: token(tokens, at) };
  let last = at + 1;
  while (tokens[last + 1]?.text === ".") last += 2;
  // Parentheses that are closed before the cast are opened before its first name.
  let open = 0;
  for (const { text } of tokens.slice(first, at)) open += OPEN.has(text) ? -1 : CLOSE.has(text) ? 1 : 0;
  return { first: token(tokens, first - open), last: token(tokens, last) };
}

function token(tokens: readonly Token[], index: number): Token {
  const found = tokens[index];
  if (found === undefined) throw unsure();
  return found;
}

function unsure(): Refusal {
  return new Refusal(
    "the guard cannot write this statement safely",
    "Write pg_catalog. before function names",
  );
}
