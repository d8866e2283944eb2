import { type RawBuilder, sql } from "kysely";
import { OmcpError } from "../../errors.ts";
import { type CdmTable, cdmTable, type CdmVersion } from "../cdm/mod.ts";
import { unknownColumn } from "./column_errors.ts";
import { eventDate, hasColumn } from "./event_date.ts";
import { type Expression, readColumn } from "./expression.ts";
import { callFunction } from "./functions.ts";
import type { Value } from "./value.ts";

/** A table that a query joins because it names a column of it. At most one of its rows fits a row of the query's table. */
export interface Join {
  readonly alias: string;
  readonly table: string;
  /** The table's key, and what it equals. */
  readonly on: { readonly column: string; readonly equals: RawBuilder<unknown> };
  /** The observation period of a date: of a person's periods, the first that contains it. */
  readonly containing?: RawBuilder<unknown>;
}

/** Where a name is looked for: a table under an alias. */
interface Place {
  readonly table: CdmTable;
  readonly alias: string;
}

/** Short names of joins. */
const SHORT: ReadonlyMap<string, string> = new Map([["visit", "visit_occurrence"], ["patient", "person"]]);

/** PostgreSQL cuts longer names, so that two that begin alike would be one. */
export const MAX_NAME = 63;

/** What a query of one table may name. It collects the joins that the names need. */
export class Scope {
  readonly table: CdmTable;
  readonly alias: string;
  readonly version: CdmVersion;
  /** The names of the result's columns that have one of their own → what they name. */
  readonly #named: ReadonlyMap<string, string>;
  /** By the path that leads to the table. */
  readonly #joins = new Map<string, Join>();

  /**
   * @param version The CDM's version.
   * @param table The query's table: its name in the CDM, or the columns of another one.
   * @param alias Its alias in the SQL.
   * @param written The columns of the query's result, as written.
   */
  constructor(
    version: CdmVersion,
    table: string | CdmTable,
    alias = "t",
    written: readonly string[] = [],
  ) {
    this.version = version;
    this.table = typeof table === "string" ? cdmTable(version, table) : table;
    this.alias = alias;
    this.#named = new Map(
      written.map(readColumn).flatMap(({ as, text }) => as === undefined ? [] : [[as, text]]),
    );
  }

  /** The tables to join for the values found so far, each after those that it needs. */
  get joins(): readonly Join[] {
    return [...this.#joins.values()];
  }

  /**
   * Finds a value by its text in a query, and joins the tables that it needs.
   *
   * @param written A column, such as `year_of_birth`; one of a table that a key of the row leads to, such as
   * `person.year_of_birth`, `visit.visit_concept_id`, `visit.care_site.care_site_name`; one of the observation period that contains
   * the row's date, such as `period.observation_period_end_date`; or a function of those, see {@link callFunction}. `… as name`
   * names it.
   * @returns The value. Without a name of its own, a column of another table keeps its name in the result. If the query's table has a column of that
   * name, the prefix precedes it, so that the bare name always means the table's column.
   * @throws {OmcpError} `invalid_argument` if there is no such column, function or key.
   */
  find(written: string): Value {
    const { expression, as } = readColumn(written);
    const value = this.resolve(expression);
    return { ...value, written, name: (as ?? value.name).slice(0, MAX_NAME) };
  }

  /**
   * Finds a value.
   *
   * @param expression What {@link readColumn} read.
   * @throws {OmcpError} As {@link find}.
   */
  resolve(expression: Expression): Value {
    switch (expression.kind) {
      case "column":
        return this.#column(expression.path);
      case "call":
        return callFunction(this, expression);
      case "date":
      case "number":
        throw new OmcpError("invalid_argument", `Cannot use ${expression.text}: a column is needed`, {
          next: `Name a column of ${this.table.name}.`,
        });
    }
  }

  /**
   * A column of the query's own table.
   *
   * @param name Its name, which exists.
   */
  own(name: string): RawBuilder<unknown> {
    return sql.ref(`${this.alias}.${name}`);
  }

  /**
   * The date of the table's events.
   *
   * @param why What needs it, for the error.
   * @throws {OmcpError} `invalid_argument` if the table has none.
   */
  date(why: string): RawBuilder<unknown> {
    const name = eventDate(this.table);
    if (name !== undefined) return this.own(name);
    throw new OmcpError("invalid_argument", `Cannot use ${why}: the table ${this.table.name} has no date`, {
      next: "Query a table of events, such as condition_occurrence or observation_period.",
    });
  }

  #column(path: string): Value {
    const steps = path.split(".");
    const name = steps.pop() ?? "";
    let place: Place = { table: this.table, alias: this.alias };
    for (const step of steps.slice(0, 3)) place = this.#join(place, step, path);
    const column = place.table.columns.find((one) => one.name === name);
    if (column === undefined || steps.length > 3) {
      throw unknownColumn(
        { version: this.version, table: this.table, place: place.table, prefix: steps, named: this.#named },
        name,
      );
    }
    const shown = steps.length > 0 && hasColumn(this.table, name) ? `${steps.join("_")}_${name}` : name;
    return {
      name: shown,
      type: column.type,
      sql: sql.ref(`${place.alias}.${name}`),
      written: path,
      column: { table: place.table.name, name },
    };
  }

  /** Follows a key of a row to the row that it names. */
  #join({ table, alias }: Place, step: string, path: string): Place {
    const prefix = SHORT.get(step) ?? step;
    if (prefix === "period") return this.#period({ table, alias }, path);
    const key = table.columns.find(({ name }) => name === `${prefix}_id`);
    const target = key?.references?.table;
    if (key === undefined || target === undefined || target === table.name && key.primaryKey) {
      throw noSuchKey({ version: this.version, table, step, path, itself: prefix === table.name });
    }
    const own = alias === "t" ? "" : `${alias}_`;
    return this.#add({
      alias: `${own}${prefix === "person" ? "p" : prefix}`,
      table: target,
      on: { column: `${target}_id`, equals: sql.ref(`${alias}.${key.name}`) },
    });
  }

  #period({ table, alias }: Place, path: string): Place {
    const date = eventDate(table);
    if (!hasColumn(table, "person_id") || date === undefined || table.name === "observation_period") {
      throw noSuchKey({
        version: this.version,
        table,
        step: "period",
        path,
        itself: table.name === "observation_period",
      });
    }
    return this.#add({
      alias: `${alias}_period`,
      table: "observation_period",
      on: { column: "person_id", equals: sql.ref(`${alias}.person_id`) },
      containing: sql.ref(`${alias}.${date}`),
    });
  }

  #add(join: Join): Place {
    const alias = this.#joins.get(join.alias)?.alias ??
      (join.alias.length <= MAX_NAME ? join.alias : `join_${this.#joins.size}`);
    this.#joins.set(join.alias, { ...join, alias });
    return { table: cdmTable(this.version, join.table), alias };
  }
}

interface MissingKey {
  readonly version: CdmVersion;
  readonly table: CdmTable;
  readonly step: string;
  readonly path: string;
  /** Whether the prefix is the table's own name. */
  readonly itself: boolean;
}

function noSuchKey({ version, table, step, path, itself }: MissingKey): OmcpError {
  const name = path.slice(path.lastIndexOf(".") + 1);
  if (itself) {
    return new OmcpError(
      "invalid_argument",
      `Cannot use ${JSON.stringify(path)}: the table is ${table.name} itself`,
      {
        next: `Omit the prefix ${JSON.stringify(`${step}.`)}.`,
      },
    );
  }
  if (step === "person" || step === "patient" || step === "period") {
    const lacks = hasColumn(table, "person_id") ? "date" : "person_id";
    return new OmcpError(
      "invalid_argument",
      `Cannot use ${JSON.stringify(path)}: the table ${table.name} has no ${lacks}`,
      {
        next: "Query a table whose rows are about a person, such as visit_occurrence.",
      },
    );
  }
  return unknownColumn({ version, table, place: table, prefix: [] }, `${step}.${name}`);
}
