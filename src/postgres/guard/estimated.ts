import { asNode, isFields, textOf } from "./ast.ts";
import { ESTIMATED_NAME } from "./estimated_name.ts";
import { GrammarError } from "./grammar.ts";
import { parseStatements, scanTokens } from "./parser.ts";

/**
 * Items in FROM from which a statement's cost is estimated before it runs. With fewer there is no join, and the cost is that of
 * reading one relation.
 */
export const ESTIMATED_ITEMS = 2;

/** Words between EXPLAIN and its query; PostgreSQL takes both spellings. */
const EXPLAIN_WORDS: ReadonlySet<string> = new Set(["ANALYZE", "ANALYSE", "VERBOSE"]);

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Items of FROM, which can be joined. */
export const FROM_ITEMS: ReadonlySet<string> = new Set([
  "RangeVar",
  "RangeFunction",
  "RangeSubselect",
  "JsonTable",
]);

/**
 * Finds the query that a statement runs: the statement itself, or the query in COPY (…), DECLARE … FOR and EXPLAIN ANALYZE. For a PREPARE, whose
 * parameters have types by name, it is the PREPARE itself, under {@link ESTIMATED_NAME}.
 *
 * @param sql The statement as it will be sent.
 * @param tree Its parse tree, places aside.
 * @returns The query; undefined if there is no query, or it cannot be found.
 */
export function queryIn(sql: string, tree: unknown): string | undefined {
  const node = asNode(tree);
  if (node === undefined) return undefined;
  if (node.kind === "SelectStmt") return sql;
  const inner = asNode(node.fields["query"]);
  if (inner?.kind !== "SelectStmt") return undefined;
  if (node.kind === "PrepareStmt") return renamed(sql);
  const range = innerRange(node.kind, sql, Array.isArray(node.fields["options"]));
  if (range === undefined) return undefined;
  const found = DECODER.decode(new TextEncoder().encode(sql).subarray(...range));
  // The scan looked for a place; the parser says whether it was the right one.
  return isOne("SelectStmt", found) ? found : undefined;
}

/** Whether a text is one statement of a kind. */
function isOne(kind: string, sql: string): boolean {
  try {
    const [only, ...others] = parseStatements(sql);
    return others.length === 0 && asNode(only?.tree)?.kind === kind;
  } catch (error) {
    if (error instanceof GrammarError) return false;
    throw error;
  }
}

/** Whether EXPLAIN runs what it explains. @param options Its options. */
export function runsQuery(options: unknown): boolean {
  if (!Array.isArray(options)) return false;
  return options.some((option) => {
    const fields = asNode(option)?.fields;
    return isFields(fields) && textOf(fields["defname"]) === "analyze";
  });
}

/** The name is the second word. */
function renamed(sql: string): string | undefined {
  const name = scanTokens(sql)?.filter(({ tokenName }) => !tokenName.endsWith("_COMMENT"))[1];
  if (name === undefined) return undefined;
  const rest = DECODER.decode(new TextEncoder().encode(sql).subarray(name.end));
  const found = `PREPARE ${ESTIMATED_NAME}${rest}`;
  return isOne("PrepareStmt", found) ? found : undefined;
}

/** In bytes. */
function innerRange(kind: string, sql: string, options: boolean): [number, number] | undefined {
  const tokens = scanTokens(sql)?.filter(({ tokenName }) => !tokenName.endsWith("_COMMENT")) ?? [];
  const words = tokens.map(({ text }) => text.toUpperCase());
  const last = tokens.at(-1)?.end ?? 0;
  const from = (index: number): [number, number] | undefined => {
    const token = tokens[index];
    return token === undefined ? undefined : [token.start, last];
  };
  if (kind === "DeclareCursorStmt") return from(words.indexOf("FOR") + 1);
  if (kind === "ExplainStmt") {
    if (words[1] === "(" && options) return from(closing(words, 1) + 1);
    return from(words.findIndex((word, index) => index > 0 && !EXPLAIN_WORDS.has(word)));
  }
  const open = tokens[1];
  const close = tokens[closing(words, 1)];
  return words[1] !== "(" || open === undefined || close === undefined ? undefined : [open.end, close.start];
}

/** Where the parenthesis that `open` opens is closed; -1 if it is not. */
function closing(words: readonly string[], open: number): number {
  let depth = 0;
  return words.findIndex((word, index) => {
    if (index >= open && word === "(") depth += 1;
    if (index >= open && word === ")") depth -= 1;
    return index >= open && depth === 0;
  });
}
