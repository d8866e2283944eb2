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
  /** The first argument of a call. */
  | { readonly kind: "argument"; readonly offset: number; readonly around: readonly [string, string] };

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
  return pending.flatMap((part) => {
    const index = at.get(part.offset);
    if (index === undefined) throw unsure();
    switch (part.kind) {
      case "relation": {
        const last = token(tokens, part.schema ? index + 2 : index);
        const before = tokens[index - 1];
        const table = before?.text.toLowerCase() === "table";
        const alias = part.name === undefined ? "" : ` AS ${quoteName(part.name)}`;
        const rows = `(${part.rows})${alias}`;
        return [{
          start: table ? before.start : part.offset,
          end: last.end,
          text: table ? `SELECT * FROM ${rows}` : rows,
        }];
      }
      case "column":
        return [{ start: part.offset, end: token(tokens, index + 2).start, text: "" }];
      case "argument": {
        const { first, last } = firstArgument(tokens, index);
        const [before, after] = part.around;
        return [
          { start: first.start, end: first.start, text: before },
          { start: last.end, end: last.end, text: after },
        ];
      }
    }
  });
}

/** The tokens of a call's first argument. @param name Where its name begins. */
function firstArgument(tokens: readonly Token[], name: number): { first: Token; last: Token } {
  let at = name;
  while (token(tokens, at).text !== "(") at += 1;
  const first = at + 1;
  for (let depth = 0, next = first;; next += 1) {
    const { text } = token(tokens, next);
    if (depth === 0 && (text === "," || CLOSE.has(text))) {
      return { first: token(tokens, first), last: token(tokens, next - 1) };
    }
    if (OPEN.has(text)) depth += 1;
    if (CLOSE.has(text)) depth -= 1;
  }
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
