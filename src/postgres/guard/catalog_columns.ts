/**
 * Columns of the catalogs that a sandbox must not see: values of tables, source text, and names of roles. Whoever may read a
 * catalog sees them for all objects, also for those that neither the role nor the policy shows.
 */
import { asNode, type Fields, isFields, listOf, namesOf, partsOf, textOf } from "./ast.ts";
import type { CatalogRows } from "./catalog_rows.ts";
import { Refusal } from "./refusal.ts";

const HIDDEN: ReadonlyMap<string, readonly string[]> = new Map([
  ["pg_attribute", ["attmissingval", "attacl"]],
  ["pg_class", ["relacl"]],
  ["pg_extension", ["extowner", "extconfig", "extcondition"]],
  ["pg_matviews", ["definition", "matviewowner"]],
  ["pg_namespace", ["nspacl"]],
  [
    "pg_roles",
    ("rolsuper rolinherit rolcreaterole rolcreatedb rolcanlogin rolreplication rolconnlimit rolpassword " +
      "rolvaliduntil rolbypassrls rolconfig").split(" "),
  ],
  ["pg_tables", ["tableowner"]],
  ["pg_tablespace", ["spcacl"]],
  ["pg_type", ["typacl"]],
  ["pg_views", ["definition", "viewowner"]],
  ["schemata", ["schema_owner"]],
  ["views", ["view_definition"]],
]);

/**
 * What the columns of these are called. `alias.other` would call the function `other` with the whole row: to_json, concat and
 * the like show every column.
 */
const COLUMN = new RegExp(
  "^(?:(?:att|ext|nsp|rel|spc|typ)[a-z]+|rolname|oid|ctid|tableoid|xmin|schemaname|tablename|viewname|matviewname|tablespace|" +
    "has(?:indexes|rules|triggers)|rowsecurity|ispopulated|(?:catalog|schema|table|default_character_set)_[a-z]+|sql_path|" +
    "check_option|is_[a-z_]+)$",
);

/** Looks out for them in one statement: by name, by `*`, as part of a whole row, and under another name. */
export class CatalogColumns {
  /** Hidden columns of the catalogs that the statement reads. */
  readonly #hidden = new Set<string>();
  /** Names by which such a catalog's whole row may be called. */
  readonly #aliases = new Set<string>();
  readonly #columns: (readonly (string | undefined)[])[] = [];
  readonly #rows: CatalogRows;

  /** @param rows Knows the subqueries that stand for a catalog. */
  constructor(rows: CatalogRows) {
    this.#rows = rows;
  }

  /**
   * Looks at the FROM list of a SELECT.
   *
   * @param fields The fields of a SelectStmt.
   * @throws {Refusal} A `*` of it would give such columns.
   */
  enterSelect(fields: Fields): void {
    const catalogs = listOf(fields["fromClause"]).flatMap((item) => this.#catalogsIn(item));
    if (catalogs.length === 0) return;
    for (const target of listOf(fields["targetList"])) {
      const value = asNode(asNode(target)?.fields["val"]);
      if (value?.kind === "ColumnRef" && partsOf(value.fields)[0] === undefined) {
        throw this.#everything(catalogs[0] ?? "");
      }
    }
  }

  /** Notes a column, or a star behind a name. @param fields The fields of a ColumnRef. */
  noteColumn(fields: Fields): void {
    this.#columns.push(partsOf(fields));
  }

  /**
   * Checks all that was noted.
   *
   * @throws {Refusal} A column of it is hidden, or a whole row has one.
   */
  check(): void {
    if (this.#hidden.size === 0) return;
    for (const names of this.#columns) {
      const last = names.at(-1);
      const row = last === undefined ? names.at(-2) : names.length === 1 ? last : undefined;
      if (row !== undefined && this.#aliases.has(row)) throw this.#everything(row);
      const of = names.at(-2);
      if (last !== undefined && of !== undefined && this.#aliases.has(of) && !COLUMN.test(last)) {
        throw new Refusal(
          `"${of}.${last}" is no column of a catalog, and could call a function named "${last}" with its whole row`,
          "Name the columns you need",
        );
      }
      if (last !== undefined && this.#hidden.has(last)) {
        throw new Refusal(
          `column "${last}" of the catalogs may not be read by a sandbox`,
          "It shows values, source text or names of roles, also of what this sandbox may not read",
        );
      }
    }
  }

  /**
   * Refuses a catalog as a whole.
   *
   * @param relation Its name.
   * @throws {Refusal} It has hidden columns.
   */
  refuseWhole(relation: string): void {
    if (HIDDEN.has(relation)) throw this.#everything(relation);
  }

  /** Notes the catalogs within an item of FROM. Returns their names. */
  #catalogsIn(item: unknown): readonly string[] {
    const node = asNode(item);
    if (node === undefined) return [];
    const { kind, fields } = node;
    if (kind === "RangeTableSample") return this.#catalogsIn(fields["relation"]);
    const alias = isFields(fields["alias"]) ? fields["alias"] : undefined;
    const renames = (namesOf(alias?.["colnames"]) ?? []).length > 0;
    if (kind === "JoinExpr") {
      const within = [...this.#catalogsIn(fields["larg"]), ...this.#catalogsIn(fields["rarg"])];
      if (within.length === 0) return within;
      const using = namesOf(fields["usingClause"]) ?? [];
      // Behind an alias of the join its columns could not be told from functions.
      const named = alias !== undefined || fields["join_using_alias"] !== undefined;
      if (named || fields["isNatural"] === true || using.some((name) => this.#hidden.has(name))) {
        throw this.#everything(within[0] ?? "");
      }
      return within;
    }
    const name = kind === "RangeSubselect" ? this.#rows.shownBy(fields) ?? "" : textOf(fields["relname"]);
    const hidden = kind === "RangeVar" || kind === "RangeSubselect" ? HIDDEN.get(name) : undefined;
    // A common table expression or a table of the CDM may bear such a name too: what is said of it holds for that as well.
    if (hidden === undefined) return [];
    for (const column of hidden) this.#hidden.add(column);
    this.#aliases.add(alias === undefined ? name : textOf(alias["aliasname"]));
    if (renames) throw this.#everything(name);
    return [name];
  }

  #everything(relation: string): Refusal {
    return new Refusal(
      `not all columns of catalog "${relation}" may be read by a sandbox, so it may not be read as a whole`,
      `Name the columns you need; hidden are ${
        [...this.#hidden].join(", ") || (HIDDEN.get(relation) ?? []).join(", ")
      }`,
    );
  }
}
