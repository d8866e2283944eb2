/** Released numbers of groups, from which analyses are computed where rows must not leave the database. */
import type { Keys } from "./groups.ts";
import { shownNumber } from "./result.ts";

/** The released numbers of one group. */
export interface DisclosedCell {
  /** The values of its group columns. */
  readonly keys: Keys;
  readonly persons: number;
  /** What else was computed; undefined for a value that is withheld by itself. */
  readonly values: readonly (number | undefined)[];
  /** Whether one of the numbers was computed from earlier answers. */
  readonly derived: boolean;
}

/** Released numbers by cohort and group columns. Those of a cohort as a whole have fewer columns. */
export class DisclosedNumbers {
  readonly #cells = new Map<string, DisclosedCell>();

  /**
   * Adds a table.
   *
   * @param cohort The cohort's place.
   * @param cells Its released cells.
   */
  add(cohort: number, cells: readonly DisclosedCell[]): void {
    for (const cell of cells) this.#cells.set(idOf(cohort, cell.keys), cell);
  }

  /** All cells. */
  get cells(): readonly DisclosedCell[] {
    return [...this.#cells.values()];
  }

  /** The group columns' values of all cells. */
  get keys(): readonly Keys[] {
    return this.cells.map(({ keys }) => keys);
  }

  /**
   * The numbers of a group; undefined if they are withheld.
   *
   * @param cohort The cohort's place.
   * @param keys The values of the group columns.
   */
  get(cohort: number, keys: Keys): DisclosedCell | undefined {
    return this.#cells.get(idOf(cohort, keys));
  }
}

function idOf(cohort: number, keys: Keys): string {
  return JSON.stringify([cohort, ...keys]);
}

/** A row of a result; `derived` is there where its numbers were released. */
interface Marked {
  readonly derived?: boolean;
}

/**
 * The column of a DataFrame that marks numbers which were computed from earlier answers.
 *
 * @param rows The result's rows.
 * @returns No column where rows may leave the database.
 */
export function markColumn(rows: readonly Marked[]): readonly string[] {
  return rows[0]?.derived === undefined ? [] : ["mark"];
}

/**
 * A row's value for {@link markColumn}.
 *
 * @param row The row.
 */
export function markOf({ derived }: Marked): readonly string[] {
  return derived === undefined ? [] : [derived ? "~" : ""];
}

/**
 * A number of persons or records for reading.
 *
 * @param count The number; undefined: withheld.
 */
export function shownCount(count: number | undefined): string {
  return count === undefined ? "withheld" : shownNumber(count);
}

/** Significant digits of sums and means: more of them could reveal one person's value. */
const DIGITS = 3;

/**
 * A sum or a mean as it may be shown.
 *
 * @param value The number.
 */
export function threeDigits(value: number): number {
  return Number(value.toPrecision(DIGITS));
}
