import type { CdmVersion } from "../cdm/mod.ts";
import { type ColumnKind, columnKind, columnsOf, EVENT_TABLES } from "./columns.ts";
import type { ColumnUse, Comparison, Operand, Relation, SqlScope } from "../../lib/sql_outline.ts";

/** A column whose table is known. */
export interface TableColumn {
  readonly table: string;
  readonly column: string;
  /** The alias of its relation. */
  readonly alias: string;
}

/** A relation that is a table of the CDM. */
type TableRelation = Relation & { readonly table: string };

/** One SELECT, whose columns are found in the tables of the CDM. */
export class Scope {
  readonly own: SqlScope;
  readonly version: CdmVersion;
  /** Relations that are tables of the CDM. */
  readonly tables: readonly TableRelation[];
  readonly #around: Scope | undefined;
  readonly #byAlias: ReadonlyMap<string, readonly Relation[]>;
  /** Rules look up each column of a statement, which may have thousands of them and of relations. */
  readonly #byColumn = new Map<string, Relation[]>();

  /**
   * @param own The SELECT.
   * @param version The CDM's version.
   * @param around The SELECT around it.
   */
  constructor(own: SqlScope, version: CdmVersion, around: Scope | undefined) {
    this.own = own;
    this.version = version;
    this.#around = around;
    this.#byAlias = Map.groupBy(own.relations, ({ alias }) => alias);
    this.tables = own.relations.flatMap((each) =>
      each.table !== null && columnsOf(each.table, version).length > 0 ? [{ ...each, table: each.table }] : []
    );
    for (const table of this.tables) {
      for (const { name } of columnsOf(table.table, version)) {
        const having = this.#byColumn.get(name) ?? [];
        having.push(table);
        this.#byColumn.set(name, having);
      }
    }
  }

  /** The tables that have many rows of a person. */
  get events(): readonly TableRelation[] {
    return this.tables.filter(({ table }) => EVENT_TABLES.has(table));
  }

  /** The table of a column. @returns Undefined if it is not one of the CDM, or could be of several. */
  find(use: ColumnUse | undefined): TableColumn | undefined {
    if (use === undefined) return undefined;
    const { relation, column } = use;
    const [first, second] = (relation === null ? this.#byColumn.get(column) : this.#byAlias.get(relation)) ??
      [];
    if (first === undefined) return this.#around?.find(use);
    // An unqualified column may also be one of a subquery.
    if (second !== undefined || first.table === null) return undefined;
    if (relation === null && this.own.relations.some(({ table }) => table === null)) return undefined;
    return { table: first.table, column, alias: first.alias };
  }

  /** What a column can be compared with. */
  kind(use: ColumnUse | undefined): ColumnKind {
    const found = this.find(use);
    return found === undefined ? "other" : columnKind(found.table, found.column, this.version);
  }

  /** The comparisons of columns with each other for equality. */
  get joins(): readonly (readonly [TableColumn, TableColumn, Comparison])[] {
    return this.own.comparisons.flatMap((each) => {
      if (each.op !== "=") return [];
      const left = this.find(each.left.column);
      const right = this.find(each.right[0]?.column);
      return left === undefined || right === undefined ? [] : [[left, right, each] as const];
    });
  }

  /** The comparisons of a column with constants. */
  constants(test: (column: TableColumn) => boolean): readonly {
    readonly column: TableColumn;
    readonly values: readonly string[];
    readonly comparison: Comparison;
  }[] {
    return this.own.comparisons.flatMap((comparison) => {
      const sides: (readonly [Operand, readonly Operand[]])[] = [[comparison.left, comparison.right]];
      const [right] = comparison.right;
      if (right !== undefined && comparison.right.length === 1) sides.push([right, [comparison.left]]);
      return sides.flatMap(([side, others]) => {
        const column = this.find(side.column);
        const values = others.flatMap(({ value }) => value === undefined ? [] : [value]);
        return column !== undefined && values.length > 0 && test(column)
          ? [{ column, values, comparison }]
          : [];
      });
    });
  }

  /** Whether the SELECT uses a column of a relation in some part. */
  uses(alias: string, test: (column: string) => boolean): boolean {
    return this.own.columns.some((use) => test(use.column) && this.find(use)?.alias === alias) ||
      this.own.comparisons.some(({ left, right }) =>
        [left, ...right].some(({ columns }) =>
          columns.some((use) => test(use.column) && this.find(use)?.alias === alias)
        )
      );
  }
}

/**
 * The scopes of an outline.
 *
 * @param outline Its SELECTs, outer ones first.
 * @param version The CDM's version.
 */
export function scopesOf(outline: readonly SqlScope[], version: CdmVersion): readonly Scope[] {
  const scopes: Scope[] = [];
  for (const own of outline) scopes.push(new Scope(own, version, scopes[own.parent ?? -1]));
  return scopes;
}
