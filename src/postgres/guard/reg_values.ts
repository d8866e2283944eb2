/**
 * Values of regclass, regtype and the like. PostgreSQL writes such a value as the name of the object with that OID, for any OID. Where expressions
 * get a common type (CASE, UNION, ARRAY, some arguments), one value of a reg type also turns the OIDs beside it into values of that type. So such a
 * value stays as it is only where nothing but its OID counts. Anywhere else the guard turns it into text, at its source: see {@link CatalogAccess}.
 */
import { asNode, type Fields, listOf, namesOf, partsOf, textOf } from "./ast.ts";
import { OID_FUNCTIONS } from "./oid_functions.ts";

/** The reg types that may be named, and where their objects are; undefined if no name may be shown at all. */
export const REG_TYPES: ReadonlyMap<string, string | undefined> = new Map([
  ["regclass", "pg_class"],
  ["regcollation", "pg_collation"],
  ["regconfig", "pg_ts_config"],
  ["regnamespace", "pg_namespace"],
  ["regproc", undefined],
  ["regtype", "pg_type"],
]);

/** Functions whose result is of a reg type, except pg_typeof() and pg_partition_ancestors(), which have rules of their own. */
export const REG_FUNCTIONS: ReadonlyMap<string, string> = new Map([
  ["get_current_ts_config", "regconfig"],
  ["pg_basetype", "regtype"],
  ["to_regclass", "regclass"],
  ["to_regnamespace", "regnamespace"],
  ["to_regtype", "regtype"],
]);

/** What becomes of an expression's value: only its OID counts, or its text may be shown. */
export type Use = "compared" | "shown";

/** Functions to which only the OIDs of their arguments matter, besides those of {@link OID_FUNCTIONS}. */
const TAKE_OIDS: ReadonlySet<string> = new Set([
  ...OID_FUNCTIONS.keys(),
  ...("count has_any_column_privilege has_schema_privilege has_table_privilege json_to_tsvector jsonb_to_tsvector pg_basetype " +
    "pg_collation_is_visible pg_opclass_is_visible pg_relation_is_publishable pg_table_is_visible pg_type_is_visible pg_typeof " +
    "phraseto_tsquery plainto_tsquery to_tsquery to_tsvector ts_headline websearch_to_tsquery").split(" "),
]);
const COMPARISONS: ReadonlySet<string> = new Set(["=", "<>", "<", "<=", ">", ">="]);
/** Not NULLIF, whose result is its first argument. */
const COMPARING_KINDS = /^AEXPR_(?:OP|OP_ANY|OP_ALL|DISTINCT|NOT_DISTINCT|IN|(?:NOT_)?BETWEEN(?:_SYM)?)$/;
/** Types to which a cast of a reg value gives its OID. */
const NUMBERS: ReadonlySet<string> = new Set(["oid", "int4", "int8"]);

/** Fields whose value is the value of the whole, or one of its parts, by kind of node. */
const PASSED_ON: Readonly<Record<string, readonly string[]>> = {
  List: ["items"],
  A_ArrayExpr: ["elements"],
  CaseExpr: ["args", "defresult"],
  CaseWhen: ["result"],
  CoalesceExpr: ["args"],
  MinMaxExpr: ["args"],
  NamedArgExpr: ["arg"],
  ResTarget: ["val"],
  SelectStmt: ["targetList", "valuesLists", "larg", "rarg"],
};

/**
 * Says what becomes of the values in a field of a node.
 *
 * @param kind The node's kind.
 * @param fields Its fields.
 * @param field The field's name.
 * @param use What becomes of the node's own value.
 * @returns What becomes of the field's.
 */
export function useOf(kind: string, fields: Fields, field: string, use: Use): Use {
  if (PASSED_ON[kind]?.includes(field) === true) return use;
  return isCompared(kind, fields, field, use) ? "compared" : "shown";
}

function isCompared(kind: string, fields: Fields, field: string, use: Use): boolean {
  switch (kind) {
    case "A_Expr":
      return field !== "name" && COMPARING_KINDS.test(textOf(fields["kind"])) && isComparison(fields["name"]);
    case "FuncCall":
      return field === "args" && TAKE_OIDS.has(namesOf(fields["funcname"])?.at(-1) ?? "");
    case "NullTest":
      return true;
    case "SubLink": {
      const type = textOf(fields["subLinkType"]);
      if (type === "EXPR_SUBLINK" || type === "ARRAY_SUBLINK") return use === "compared";
      return type === "ANY_SUBLINK" || type === "ALL_SUBLINK"
        ? fields["operName"] === undefined || isComparison(fields["operName"])
        : false;
    }
    case "TypeCast": {
      const type = typeOf(fields);
      if (field !== "arg") return false;
      // The type of an expression is not secret: as text it needs nothing around it.
      return NUMBERS.has(type) || REG_TYPES.has(type) || (type === "text" && isTypeof(fields["arg"]));
    }
    default:
      return false;
  }
}

function isTypeof(value: unknown): boolean {
  const node = asNode(value);
  return node?.kind === "FuncCall" && namesOf(node.fields["funcname"])?.at(-1) === "pg_typeof";
}

function isComparison(name: unknown): boolean {
  const last = namesOf(name)?.at(-1) ?? "";
  return COMPARISONS.has(last) || last.includes("BETWEEN");
}

/** The name of the type of a cast. @param cast The fields of a TypeCast. @returns Its last part. */
export function typeOf(cast: Fields): string {
  const type = cast["typeName"];
  return typeof type === "object" && type !== null && "names" in type
    ? namesOf(type.names)?.at(-1) ?? ""
    : "";
}

/**
 * The name that PostgreSQL gives a column that has no other.
 *
 * @param node A wrapped TypeCast or FuncCall, or what is cast.
 * @returns The name; empty if PostgreSQL has none.
 */
export function columnNameOf(node: unknown): string {
  const { kind, fields } = asNode(node) ?? { kind: "", fields: {} };
  if (kind === "ColumnRef") return partsOf(fields).at(-1) ?? "";
  if (kind === "FuncCall") return namesOf(fields["funcname"])?.at(-1) ?? "";
  if (kind !== "TypeCast") return "";
  return columnNameOf(fields["arg"]) || typeOf(fields);
}

/** Kinds whose first token is that of another node. */
const FIRST: Readonly<Record<string, string>> = {
  A_Indirection: "arg",
  CollateClause: "arg",
  A_Expr: "lexpr",
};

/**
 * Where an expression begins.
 *
 * @param node A wrapped node.
 * @returns The offset in bytes, parentheses aside; undefined if the tree does not say.
 */
export function startOf(node: unknown): number | undefined {
  const found = asNode(node);
  if (found === undefined) return undefined;
  const { kind, fields } = found;
  const first = FIRST[kind];
  if (first !== undefined && fields[first] !== undefined) return startOf(fields[first]);
  const own = locationOf(fields);
  if (kind !== "TypeCast") return own;
  const type = typeof fields["typeName"] === "object" ? locationOf(fields["typeName"]) : undefined;
  const argument = startOf(fields["arg"]);
  if (type === undefined || argument === undefined) return undefined;
  return Math.min(own ?? type, type, argument);
}

/**
 * Where a node is, which is not always its beginning.
 *
 * @param fields Its fields.
 * @returns The offset in bytes; undefined if the tree does not say.
 */
export function locationOf(fields: unknown): number | undefined {
  if (typeof fields !== "object" || fields === null) return undefined;
  const location = "location" in fields ? fields.location : 0; // the tree leaves an offset of 0 out
  return typeof location === "number" && location >= 0 ? location : undefined;
}

/**
 * Calls and casts that FROM takes as functions.
 *
 * @param range The fields of a RangeFunction.
 * @returns Their fields.
 */
export function functionsIn(range: Fields): readonly Fields[] {
  return listOf(range["functions"]).flatMap((item) => {
    const node = asNode(listOf(asNode(item)?.fields["items"])[0]);
    return node === undefined ? [] : [node.fields];
  });
}
