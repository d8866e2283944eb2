import { type RawBuilder, sql } from "kysely";
import { OmcpError } from "../../errors.ts";
import { type CdmColumn, type CdmTable, cdmTable, cdmTables, type CdmVersion } from "../cdm/mod.ts";
import { closestNames } from "../../lib/closest_names.ts";

/** The prefix of a column of the row's person. */
const PERSON = "person.";

/** A column that a query may name: of its table, or of the person of each row. */
export interface SourceColumn {
  /** The alias of its table: `t` is the query's table, `p` the person joined to it. */
  readonly alias: "t" | "p";
  readonly column: CdmColumn;
  /** Its name in the result; unique among the columns that the query may name. */
  readonly name: string;
}

/** The columns that a query of one table may name. */
export class SourceColumns {
  readonly table: CdmTable;
  readonly #version: CdmVersion;
  readonly #person: CdmTable;
  /** Whether the table has person_id and is not person itself. */
  readonly #hasPerson: boolean;

  /**
   * @param version The CDM's version.
   * @param table The query's table.
   */
  constructor(version: CdmVersion, table: string) {
    this.#version = version;
    this.table = cdmTable(version, table);
    this.#person = cdmTable(version, "person");
    this.#hasPerson = this.table !== this.#person && has(this.table, "person_id");
  }

  /**
   * Finds a column by the name in a query.
   *
   * @param written A column of the table, such as `year_of_birth`, or of the person: `person.year_of_birth`.
   * @returns The column. A person's column has its own name in the result, or `person_…` if the query's table has
   * a column of that name, so that such a name always means the table's column.
   * @throws {OmcpError} `invalid_argument` if there is no such column, or the table has no person.
   */
  find(written: string): SourceColumn {
    const person = written.startsWith(PERSON);
    if (person) this.#refuseWithoutPerson(written);
    const name = person ? written.slice(PERSON.length) : written;
    const column = (person ? this.#person : this.table).columns.find((column) => column.name === name);
    if (column === undefined) throw this.#unknown(name, person);
    if (!person) return { alias: "t", column, name };
    return { alias: "p", column, name: has(this.table, name) ? `person_${name}` : name };
  }

  /** Whether the query's own table has a column. @param name The column's name. @returns Whether it does. */
  has(name: string): boolean {
    return has(this.table, name);
  }

  #refuseWithoutPerson(written: string): void {
    if (this.#hasPerson) return;
    const itself = this.table === this.#person;
    const why = itself ? "the table is person itself" : `the table ${this.table.name} has no person_id`;
    throw new OmcpError("invalid_argument", `Cannot use ${JSON.stringify(written)}: ${why}`, {
      next: itself
        ? `Omit the prefix ${JSON.stringify(PERSON)}.`
        : "Query a table whose rows are about a person, such as visit_occurrence.",
    });
  }

  #unknown(name: string, person: boolean): OmcpError {
    const table = person ? this.#person : this.table;
    const names = table.columns.map((column) => column.name);
    const close = closestNames(name, names);
    const prefix = person ? PERSON : "";
    const special = misspeltPrefix(name, this.#hasPerson ? this.#person : undefined, this.table) ??
      specialHint(table, name, prefix);
    const hints = special !== undefined ? [special] : [
      close.length > 0
        ? `Did you mean ${close.map((one) => prefix + one).join(" or ")}?`
        : `Its columns are: ${names.map((one) => prefix + one).join(", ")}.`,
      ...this.#elsewhere(name, person),
    ];
    return new OmcpError(
      "invalid_argument",
      `The table ${table.name} has no column ${JSON.stringify(name)}`,
      { next: hints.join(" ") },
    );
  }

  /** For a name that the table does not have: where else it occurs. */
  #elsewhere(name: string, person: boolean): string[] {
    if (person && has(this.table, name)) return [`For the column of ${this.table.name}, write ${name}.`];
    if (this.#hasPerson && has(this.#person, name)) {
      return [`For the person's column, write ${PERSON}${name}.`];
    }
    const others = cdmTables(this.#version).filter((table) => has(table, name)).map((table) => table.name);
    if (others.length === 0) return [];
    const more = others.length > 3 ? ` and ${others.length - 3} more` : "";
    return [`Tables that have ${name}: ${others.slice(0, 3).join(", ")}${more}.`];
  }
}

/** Corrects a prefix: only `person.` is allowed, and a column of the query's own table has no prefix. */
function misspeltPrefix(name: string, person: CdmTable | undefined, table: CdmTable): string | undefined {
  const dot = name.indexOf(".");
  if (dot < 0) return undefined;
  const [before, column] = [name.slice(0, dot), name.slice(dot + 1)];
  const persons = person !== undefined && has(person, column) ? PERSON + column : undefined;
  const own = has(table, column) ? column : undefined;
  const [first, second] = closestNames(before, ["person"]).length > 0 ? [persons, own] : [own, persons];
  const meant = first ?? second;
  return meant === undefined ? undefined : `Did you mean ${meant}?`;
}

/** What to write instead of `*` or of the name of a concept. */
function specialHint(table: CdmTable, name: string, prefix: string): string | undefined {
  if (name === "*") return "For all columns, omit columns; to count rows, omit the aggregate's column.";
  if (!/(?:^|_)concept_name(?:_\d)?$/.test(name)) return undefined;
  const id = name.replace("concept_name", "concept_id");
  const ids = has(table, id)
    ? [id]
    : table.columns.map((column) => column.name).filter((one) => /_concept_id$/.test(one));
  if (ids.length === 0) return undefined;
  return `The table has the concepts' ids: ${
    ids.map((one) => prefix + one).join(", ")
  }. Find an id with query_omop (table concept, ` +
    'filters [{"column":"concept_name","op":"ilike","value":"%diabetes%"}]) and filter by it. ' +
    "For names in the result, add concept_name: true.";
}

/**
 * Writes a column as SQL.
 *
 * @param column The column.
 * @returns Its quoted name, such as `"t"."person_id"`.
 */
export function columnReference({ alias, column }: SourceColumn): RawBuilder<unknown> {
  return sql.ref(`${alias}.${column.name}`);
}

function has(table: CdmTable, name: string): boolean {
  return table.columns.some((column) => column.name === name);
}
