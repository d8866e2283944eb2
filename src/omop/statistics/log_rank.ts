/** The log-rank test of whether groups have one survival curve. */
import { chiSquareAbove } from "./gamma.ts";
import type { TimeCount } from "./kaplan_meier.ts";

/** A test's result. */
export interface TestResult {
  readonly chiSquare: number;
  readonly degrees: number;
  readonly p: number;
}

/**
 * The log-rank test (Mantel 1966), with the hypergeometric variance of ties, for any number of groups. Groups in which no event is
 * expected take no part, as in R's survdiff.
 *
 * @param groups For each, a row for each day on which somebody's time ends.
 * @returns Undefined if fewer than two groups take part.
 */
export function logRank(groups: readonly (readonly TimeCount[])[]): TestResult | undefined {
  const days = [...new Set(groups.flat().filter(({ events }) => events > 0).map(({ day }) => day))]
    .sort((a, b) => a - b);
  const cursors = groups.map((counts) => new RiskSet(counts));
  const size = groups.length;
  const difference = new Array<number>(size).fill(0);
  const expected = new Array<number>(size).fill(0);
  const variance = difference.map(() => new Array<number>(size).fill(0));
  for (const day of days) {
    const at = cursors.map((cursor) => cursor.at(day));
    const n = at.reduce((sum, { atRisk }) => sum + atRisk, 0);
    const d = at.reduce((sum, { events }) => sum + events, 0);
    const spread = n > 1 ? d * (n - d) / (n - 1) : 0;
    for (const [i, { atRisk, events }] of at.entries()) {
      const share = atRisk / n;
      expected[i] = (expected[i] ?? 0) + d * share;
      difference[i] = (difference[i] ?? 0) + events - d * share;
      const row = variance[i] ?? [];
      for (const [j, other] of at.entries()) {
        row[j] = (row[j] ?? 0) + spread * share * ((i === j ? 1 : 0) - other.atRisk / n);
      }
    }
  }
  const taking = expected.flatMap((value, i) => value > 0 ? [i] : []);
  // The differences add up to 0, so one group follows from the others.
  const kept = taking.slice(1);
  const chiSquare = quadratic(
    kept.map((i) => difference[i] ?? 0),
    kept.map((i) => kept.map((j) => variance[i]?.[j] ?? 0)),
  );
  if (kept.length === 0 || chiSquare === undefined) return undefined;
  return { chiSquare, degrees: kept.length, p: chiSquareAbove(chiSquare, kept.length) };
}

/** Who of a group is at risk, on days that are asked for in order. */
class RiskSet {
  readonly #counts: readonly TimeCount[];
  #at = 0;
  #atRisk: number;

  constructor(counts: readonly TimeCount[]) {
    this.#counts = counts;
    this.#atRisk = counts.reduce((sum, { events, censored }) => sum + events + censored, 0);
  }

  at(day: number): { readonly atRisk: number; readonly events: number } {
    for (
      let next = this.#counts[this.#at];
      next !== undefined && next.day < day;
      next = this.#counts[this.#at]
    ) {
      this.#atRisk -= next.events + next.censored;
      this.#at += 1;
    }
    const here = this.#counts[this.#at];
    return { atRisk: this.#atRisk, events: here?.day === day ? here.events : 0 };
  }
}

/** v' M⁻¹ v by Gaussian elimination with pivots; undefined for a singular matrix. */
function quadratic(v: readonly number[], matrix: readonly (readonly number[])[]): number | undefined {
  const rows = matrix.map((row, i) => [...row, v[i] ?? 0]);
  const largest = Math.max(0, ...matrix.map((row, i) => row[i] ?? 0));
  for (let column = 0; column < rows.length; column += 1) {
    const size = (at: number) => Math.abs(rows[at]?.[column] ?? 0);
    let pivot = column;
    for (let at = column + 1; at < rows.length; at += 1) if (size(at) > size(pivot)) pivot = at;
    const from = rows[pivot];
    const head = rows[column];
    if (from === undefined || head === undefined || size(pivot) <= largest * 1e-12) return undefined;
    [rows[pivot], rows[column]] = [head, from];
    for (const row of rows.slice(column + 1)) {
      const factor = (row[column] ?? 0) / (from[column] ?? 1);
      for (const [at, value] of from.entries()) row[at] = (row[at] ?? 0) - factor * value;
    }
  }
  const solution = new Array<number>(rows.length).fill(0);
  for (const [at, row] of [...rows.entries()].reverse()) {
    const known = solution.reduce(
      (sum, value, column) => column > at ? sum + value * (row[column] ?? 0) : sum,
      0,
    );
    solution[at] = ((row[rows.length] ?? 0) - known) / (row[at] ?? 1);
  }
  return solution.reduce((sum, value, at) => sum + value * (v[at] ?? 0), 0);
}
