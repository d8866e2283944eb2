/** What a statement contains, without its wording: relations, comparisons and calls of each SELECT. The guard makes it, and the lint reads it. */

/** A column as a statement names it, in lower case; `relation` is null if it names none. */
export interface ColumnUse {
  /** Its alias or name; null if the statement names none. */
  readonly relation: string | null;
  /** The column's name. */
  readonly column: string;
}

/** A side of a comparison. */
export interface Operand {
  /** Set if it is a column and nothing else. */
  readonly column?: ColumnUse;
  /** Set if it is a constant, as text. */
  readonly value?: string;
  /** Set if it is the constant NULL. */
  readonly isNull?: true;
  /** The function, if it is a call. */
  readonly call?: string;
  /** All columns in it. */
  readonly columns: readonly ColumnUse[];
}

/** Where in a SELECT something is. */
export type Clause = "where" | "on" | "having" | "output" | "group" | "order";

/** A comparison; `optional`: within OR, NOT or CASE. */
export interface Comparison {
  /** `=`, `<`, `in`, `like`, `between`, `is null`, … */
  readonly op: string;
  /** Its first side. */
  readonly left: Operand;
  /** Its other sides; a list has several. */
  readonly right: readonly Operand[];
  /** Where it is. */
  readonly clause: Clause;
  /** Whether it is within OR, NOT or CASE. */
  readonly optional: boolean;
}

/** The call of a function. */
export interface Call {
  /** The function's name. */
  readonly name: string;
  /** Whether it is over, or returns, distinct values only. */
  readonly distinct: boolean;
  /** Whether it is `count(*)`. */
  readonly star: boolean;
  /** All columns in it. */
  readonly columns: readonly ColumnUse[];
  /** The alias of the output column that contains it; null without one. */
  readonly alias: string | null;
  /** Where it is. */
  readonly clause: Clause;
  /** Whether it is over a window. */
  readonly window: boolean;
}

/** A relation of FROM; `table` is null for what is not a table. */
export interface Relation {
  /** Its name in the statement. */
  readonly alias: string;
  /** The table's name; null for what is not a table. */
  readonly table: string | null;
  /** How it is joined. */
  readonly join: "listed" | "inner" | "left" | "right" | "full" | "cross";
}

/** One SELECT; `parent` is the number of the one around it. */
export interface SqlScope {
  /** The number of the SELECT around it. */
  readonly parent: number | null;
  /** Whether it is over, or returns, distinct values only. */
  readonly distinct: boolean;
  /** Whether it is a part of a UNION, INTERSECT or EXCEPT. */
  readonly combined: boolean;
  /** Its FROM. */
  readonly relations: readonly Relation[];
  /** All comparisons in it. */
  readonly comparisons: readonly Comparison[];
  /** All differences `left - right` in it. */
  readonly differences: readonly (readonly [Operand, Operand])[];
  /** All calls of functions in it. */
  readonly calls: readonly Call[];
  /** All columns in it. */
  readonly columns: readonly (ColumnUse & { readonly clause: Clause })[];
}
