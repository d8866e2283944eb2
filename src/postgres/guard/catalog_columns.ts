/**
 * Columns of the catalogs that a sandbox must not see: values of tables, source text, and names of roles. A role that may read
 * a catalog sees them for all objects, including those that neither the role nor the policy shows.
 */
import { asNode, type Fields, isFields, listOf, namesOf, partsOf, textOf } from "./ast.ts";
import type { CatalogRows } from "./catalog_rows.ts";
import { catalogOf, type Scope } from "./range_table.ts";
import { Refusal } from "./refusal.ts";
import { FUNCTION_COLUMNS } from "./shown_rows.ts";

const HIDDEN: ReadonlyMap<string, readonly string[]> = new Map([
  // of type regproc: beside it, any oid can become the name of a function
  ["pg_catalog.pg_am", ["amhandler"]],
  ["pg_catalog.pg_attribute", ["attmissingval", "attacl"]],
  ["pg_catalog.pg_class", ["relacl"]],
  ["pg_catalog.pg_extension", ["extowner", "extconfig", "extcondition"]],
  ["pg_catalog.pg_matviews", ["definition", "matviewowner"]],
  ["pg_catalog.pg_namespace", ["nspacl"]],
  [
    "pg_catalog.pg_roles",
    ("rolsuper rolinherit rolcreaterole rolcreatedb rolcanlogin rolreplication rolconnlimit rolpassword " +
      "rolvaliduntil rolbypassrls rolconfig").split(" "),
  ],
  ["pg_catalog.pg_tables", ["tableowner"]],
  ["pg_catalog.pg_tablespace", ["spcacl"]],
  ["pg_catalog.pg_type", ["typacl"]],
  ["pg_catalog.pg_views", ["definition", "viewowner"]],
  ["information_schema.schemata", ["schema_owner"]],
  ["information_schema.views", ["view_definition"]],
]);

/**
 * The names of their columns. `alias.other` would call the function `other` with the whole row: to_json, concat and
 * the like show every column.
 */
const COLUMN = new RegExp(
  "^(?:(?:att|ext|nsp|rel|spc|typ)[a-z]+|rolname|amname|amtype|oid|ctid|tableoid|xmin|schemaname|tablename|viewname|matviewname|tablespace|" +
    "has(?:indexes|rules|triggers)|rowsecurity|ispopulated|(?:catalog|schema|table|default_character_set)_[a-z]+|sql_path|" +
    "check_option|is_[a-z_]+)$",
);

/** The names in one FROM list. */
interface FromList {
  /** Catalogs with hidden columns, by alias. */
  readonly catalogs: ReadonlyMap<string, string>;
  /** Aliases that certainly mean something else. */
  readonly others: ReadonlySet<string>;
  /** What surrounds the SELECT. */
  readonly outer: Sight | undefined;
}

/** The FROM lists that a column's name may refer to, innermost first. */
export interface Sight {
  readonly list: FromList;
  /** Set within the list itself, where only LATERAL makes its names visible: a name there may mean one further out. */
  readonly inFrom: boolean;
}

/** Finds hidden columns in one statement: by name, by `*`, as part of a whole row, and under another name. */
export class CatalogColumns {
  readonly #rows: CatalogRows;

  /** @param rows The subqueries that replace catalogs. */
  constructor(rows: CatalogRows) {
    this.#rows = rows;
  }

  /**
   * Reads the FROM list of a SELECT.
   *
   * @param fields The fields of a SelectStmt.
   * @param scope The common table expressions that its FROM list sees.
   * @param outer What surrounds it.
   * @returns What its columns may refer to.
   * @throws {Refusal} A join hides which column is a catalog's.
   */
  enterSelect(fields: Fields, scope: Scope | undefined, outer: Sight | undefined): Sight {
    const catalogs = new Map<string, string>();
    const others = new Set<string>();
    for (const item of listOf(fields["fromClause"])) this.#noteItem(item, scope, { catalogs, others });
    return { list: { catalogs, others, outer }, inFrom: false };
  }

  /**
   * Checks a column, or a star.
   *
   * @param fields The fields of a ColumnRef.
   * @param sight What it may refer to.
   * @throws {Refusal} It is hidden, or a whole row that has such a column.
   */
  checkColumn(fields: Fields, sight: Sight | undefined): void {
    const names = partsOf(fields);
    const last = names.at(-1);
    const relation = names.at(-2);
    if (names.length === 1 && last === undefined) { // SELECT *: of this list only
      const [catalog] = sight?.list.catalogs.values() ?? [];
      if (catalog !== undefined) throw wholeRow(catalog);
      return;
    }
    for (let at = sight; at !== undefined; at = at.list.outer) {
      const { catalogs, others } = at.list;
      if (names.length === 1) checkName(last ?? "", catalogs);
      else checkQualified(relation ?? "", last, catalogs);
      // A name with a schema passes over aliases.
      if (names.length === 2 && !at.inFrom && others.has(relation ?? "")) return;
    }
  }

  /**
   * Finds a column of pg_type that is the OID of a function.
   *
   * @param value A wrapped node.
   * @param sight What it may refer to.
   * @returns The parts of its name; undefined for anything else, and where another column could be meant.
   */
  functionColumn(value: unknown, sight: Sight | undefined): readonly string[] | undefined {
    const node = asNode(value);
    if (node?.kind !== "ColumnRef" || sight === undefined || sight.inFrom) return undefined;
    const names = partsOf(node.fields).filter((name) => name !== undefined);
    const [relation, column] = names.length === 1 ? [undefined, names[0]] : names;
    if (names.length > 2 || column === undefined || !FUNCTION_COLUMNS.has(column)) return undefined;
    const { catalogs } = sight.list;
    const found = relation === undefined ? [...catalogs.values()] : [catalogs.get(relation)];
    return found.includes("pg_catalog.pg_type") ? names : undefined;
  }

  /**
   * Refuses a catalog as a whole.
   *
   * @param catalog Its name, with its schema.
   * @throws {Refusal} It has hidden columns.
   */
  refuseWhole(catalog: string): void {
    if (HIDDEN.has(catalog)) throw wholeRow(catalog);
  }

  /** Notes the names of an item of FROM. Returns the catalogs with hidden columns in it. */
  #noteItem(
    item: unknown,
    scope: Scope | undefined,
    found: { readonly catalogs: Map<string, string>; readonly others: Set<string> },
  ): readonly string[] {
    const node = asNode(item);
    if (node === undefined) return [];
    const { kind, fields } = node;
    if (kind === "RangeTableSample") return this.#noteItem(fields["relation"], scope, found);
    const alias = isFields(fields["alias"]) ? fields["alias"] : undefined;
    if (kind === "JoinExpr") {
      // An alias of the join hides the aliases within, so they prove nothing.
      const inner = alias === undefined ? found : { catalogs: found.catalogs, others: new Set<string>() };
      const within = [fields["larg"], fields["rarg"]].flatMap((side) => this.#noteItem(side, scope, inner));
      const using = namesOf(fields["usingClause"]) ?? [];
      const hidden = within.flatMap((catalog) => HIDDEN.get(catalog) ?? []);
      // Behind an alias of the join, its columns look like functions.
      const named = alias !== undefined || fields["join_using_alias"] !== undefined;
      const [catalog] = within;
      if (
        catalog !== undefined &&
        (named || fields["isNatural"] === true || using.some((name) => hidden.includes(name)))
      ) throw wholeRow(catalog);
      if (alias !== undefined) found.others.add(textOf(alias["aliasname"]));
      return within;
    }
    const relation = textOf(fields["relname"]);
    const name = alias === undefined ? relation : textOf(alias["aliasname"]);
    const catalog = kind === "RangeVar"
      ? `${catalogOf(fields, scope)}.${relation}`
      : kind === "RangeSubselect"
      ? this.#rows.shownBy(fields)
      : undefined;
    if (catalog === undefined || !HIDDEN.has(catalog)) {
      if (name !== "") found.others.add(name);
      return [];
    }
    if ((namesOf(alias?.["colnames"]) ?? []).length > 0) throw wholeRow(catalog);
    found.catalogs.set(name, catalog);
    return [catalog];
  }
}

/** A name alone is a column of any list in sight, or the whole row behind an alias. */
function checkName(name: string, catalogs: ReadonlyMap<string, string>): void {
  const row = catalogs.get(name);
  if (row !== undefined) throw wholeRow(row);
  for (const catalog of catalogs.values()) {
    if (HIDDEN.get(catalog)?.includes(name) === true) throw hiddenColumn(name, catalog);
  }
}

function checkQualified(
  alias: string,
  column: string | undefined,
  catalogs: ReadonlyMap<string, string>,
): void {
  const catalog = catalogs.get(alias);
  if (catalog === undefined) return;
  if (column === undefined) throw wholeRow(catalog);
  if (HIDDEN.get(catalog)?.includes(column) === true) throw hiddenColumn(column, catalog);
  if (COLUMN.test(column)) return;
  throw new Refusal(
    `"${alias}.${column}" is not a column of ${catalog}, and could call a function named "${column}" with its whole row`,
    "Name the columns you need",
  );
}

function hiddenColumn(column: string, catalog: string): Refusal {
  return new Refusal(
    `column "${column}" of ${catalog} is hidden: it shows values, source text or roles of what this sandbox may not read`,
    "Leave the column out; names, types, keys and comments of the CDM's tables are in the other columns",
  );
}

function wholeRow(catalog: string): Refusal {
  return new Refusal(
    `${catalog} may not be read as a whole: some of its columns are hidden`,
    `Name the columns you need; hidden are ${(HIDDEN.get(catalog) ?? []).join(", ")}`,
  );
}
