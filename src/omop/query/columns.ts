import { type RawBuilder, sql } from "kysely";
import { OmcpError } from "../../errors.ts";
import { type CdmColumn, type CdmTable, cdmTable, cdmTables, type CdmVersion } from "../cdm/mod.ts";
import { closestNames } from "../../lib/closest_names.ts";

/** What a query writes before the name of a column of the row's person. */
const PERSON = "person.";

/** A column a query may name: of its table, or of the person each row is about. */
export interface SourceColumn {
  /** The alias of what it is in: `t` the query's table, `p` the person joined to it. */
  readonly alias: "t" | "p";
  readonly column: CdmColumn;
  /** Its name in the result: no other column that the query may name has the same. */
  readonly name: string;
}

/** The columns that a query of one table may name. */
export class SourceColumns {
  readonly table: CdmTable;
  readonly #version: CdmVersion;
  readonly #person: CdmTable;
  /** Whether the table is another than person, and has a row's person. */
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
   * A column by the name a caller wrote.
   *
   * @param written `year_of_birth` of the table itself, or `person.year_of_birth`.
   * @returns The column. A person's is called in the result as in its table, or `person_…` where the query's
   * own table has that name, so that a name of the table always means the table's.
   * @throws {OmcpError} `invalid_argument` when there is none such, or the table has no person.
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
        ? `Leave ${PERSON} out.`
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

  /** Where a name that is not in one table may be found. */
  #elsewhere(name: string, person: boolean): string[] {
    if (person && has(this.table, name)) return [`That of ${this.table.name} is ${name}.`];
    if (this.#hasPerson && has(this.#person, name)) return [`That of the person is ${PERSON}${name}.`];
    const others = cdmTables(this.#version).filter((table) => has(table, name)).map((table) => table.name);
    return others.length > 0 ? [`There is ${name} in ${others.slice(0, 3).join(", ")}.`] : [];
  }
}

/** Corrects what is before the dot: only a row's person may be, and a column of the query's own table has nothing there. */
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

/** What to do about a name that is in no table for a reason. */
function specialHint(table: CdmTable, name: string, prefix: string): string | undefined {
  if (name === "*") return "Leave columns out for all of them; to count rows, leave the column out.";
  if (!/(?:^|_)concept_name(?:_\d)?$/.test(name)) return undefined;
  const id = name.replace("concept_name", "concept_id");
  const ids = has(table, id)
    ? [id]
    : table.columns.map((column) => column.name).filter((one) => /_concept_id$/.test(one));
  if (ids.length === 0) return undefined;
  return `It has ids of concepts: ${
    ids.map((one) => prefix + one).join(", ")
  }. Filter by the id, looked up with query_omop: ` +
    'table concept, filters [{"column":"concept_name","op":"ilike","value":"%diabetes%"}]. ' +
    "To have names in the result, add concept_name: true.";
}

/**
 * A column as SQL.
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
