/** Rules for single kinds of nodes, independent of their place. */
import { asNode, type Fields, listOf, namesOf, textOf } from "./ast.ts";
import { OPERATORS, TYPES } from "./functions.ts";
import { Refusal } from "./refusal.ts";
import { refusedStatement, unreadable } from "./refused.ts";
import { SAMPLING_METHODS } from "./relations.ts";
import type { GuardPolicy } from "./types.ts";
import { READ_XML_HINT } from "./xml.ts";

/** Fields that `(value).field` may name: pg_catalog has no function of these names. */
const ATTRIBUTES = /^(key|value|n|x|ordinality|f[0-9]{1,3})$/;

/**
 * A member of a WITH list must be a SELECT.
 *
 * @param fields The fields of a CommonTableExpr.
 * @throws {Refusal} It would write.
 */
export function checkCommonTable(fields: Fields): void {
  const query = asNode(fields["ctequery"]);
  if (query?.kind === "SelectStmt") return;
  throw query === undefined ? unreadable("a WITH list") : refusedStatement(query);
}

/**
 * TABLESAMPLE may use PostgreSQL's own methods only: any other is a function of the site's or of an extension.
 *
 * @param fields The fields of a RangeTableSample.
 * @throws {Refusal} The method is another one.
 */
export function checkSampling(fields: Fields): void {
  const names = namesOf(fields["method"]);
  const method = names?.length === 1 ? names[0] ?? "" : "";
  if (SAMPLING_METHODS.has(method)) return;
  throw new Refusal("this sampling method is not allowed", "BERNOULLI and SYSTEM are");
}

/**
 * `(value).f` calls the function f where value has no field f, so only names that no function has are allowed.
 *
 * @param fields The fields of an A_Indirection.
 * @param policy The CDM's columns.
 * @throws {Refusal} A name could be a function's.
 */
export function checkIndirection(fields: Fields, policy: GuardPolicy): void {
  for (const item of listOf(fields["indirection"])) {
    const node = asNode(item);
    if (node?.kind === "A_Indices" || node?.kind === "A_Star") continue;
    const name = node?.kind === "String" ? textOf(node.fields["sval"]) : "";
    if (ATTRIBUTES.test(name)) continue;
    // PostgreSQL has no function with the name of a CDM column, and the site's functions are known.
    const column = policy.columns?.has(name) === true && policy.rowFunctions?.has(name) !== true;
    if (column && name.includes("_") && !name.startsWith("pg_")) continue;
    throw new Refusal(
      `"(…).${name}" could call a function named "${name}"`,
      "Take fields of a row by table.column, or expand it with (…).*",
    );
  }
}

/**
 * Operators must be PostgreSQL's own, named without a schema or in pg_catalog.
 *
 * @param value The name's parts, as the parser lists them.
 * @throws {Refusal} It is not among them.
 */
export function checkOperator(value: unknown): void {
  const names = namesOf(value) ?? [];
  const [last = ""] = names.slice(-1);
  const builtIn = names.length === 1 || (names.length === 2 && names[0] === "pg_catalog");
  if (builtIn && OPERATORS.has(last)) return;
  throw new Refusal(`operator ${names.join(".")} is not allowed`, "The operators of PostgreSQL itself are");
}

/**
 * Types must be PostgreSQL's own: a cast calls the type's input function.
 *
 * @param fields The fields of a TypeName.
 * @throws {Refusal} It is not among them.
 */
export function checkType(fields: Fields): void {
  const names = namesOf(fields["names"]) ?? [];
  const [last = ""] = names.slice(-1);
  const builtIn = names.length === 1 || (names.length === 2 && names[0] === "pg_catalog");
  if (builtIn && TYPES.has(last)) return;
  throw new Refusal(
    `type ${names.join(".")} is not allowed in a sandbox's SQL`,
    last === "xml"
      ? READ_XML_HINT
      : "Cast to a type of PostgreSQL's that holds data: text, numeric, date, jsonb …",
  );
}

/**
 * Collations must be PostgreSQL's own, or named without a schema.
 *
 * @param fields The fields of a CollateClause.
 * @throws {Refusal} It is in another schema.
 */
export function checkCollation(fields: Fields): void {
  const names = namesOf(fields["collname"]) ?? [];
  if (names.length === 1 || (names.length === 2 && names[0] === "pg_catalog")) return;
  throw new Refusal(`collation ${names.join(".")} is not allowed`, "The collations of PostgreSQL itself are");
}
