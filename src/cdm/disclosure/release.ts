/** Decides which numbers of a table may be shown: rules R1 to R4 of the disclosure rules for cells and their margins. */
import { setImmediate } from "node:timers";
import type { Counted, Decision, Ledger } from "./ledger.ts";
import type { DisclosureRules } from "./rules.ts";
import { differingBuckets, type Statistic } from "./sketch.ts";

/** One statistic of a cell besides its persons. */
export interface CellValue extends Statistic {
  /** Persons who contribute to it, with a value that is not null. */
  readonly contributors: number;
  /** For sums: the largest and the second-largest absolute sum of one person, and the sum of all of them. */
  readonly sums?: { readonly first: number; readonly second: number; readonly all: number } | undefined;
}

/** A cell, or a margin: a cell of fewer group columns. */
export interface Cell {
  /** A bit for each group column that is summed over, the first column's the highest; 0: a cell of the table. */
  readonly level: number;
  /** The values of the group columns; null also where the column is summed over. */
  readonly keys: readonly (string | null)[];
  readonly persons: Counted;
  readonly values: readonly CellValue[];
}

/** A cell that is shown. */
export interface ReleasedCell {
  readonly keys: readonly (string | null)[];
  readonly persons: number;
  readonly values: readonly number[];
  /** Whether one of its numbers was computed from earlier answers. Hidden from the caller: an equal set's is not. */
  readonly derived: boolean;
}

/** A table that may be shown. */
export interface ReleasedTable {
  readonly cells: readonly ReleasedCell[];
  /** Cells that exist and are not shown. Their number is itself hidden from the caller of a query. */
  readonly withheld: number;
}

/**
 * Decides about a table. The order of cells must not depend on their numbers.
 *
 * @param all Cells and margins of every level.
 * @param groups How many group columns there are.
 * @param ledger The caller's earlier answers.
 * @param rules The rules in force.
 * @param signal Ends it between two decisions. Those that were made count as released, although they were not shown: that is safe, and
 * asking again is free.
 * @param repeated Whether the same question was answered before: it costs nothing.
 * @throws {OmcpError} `capacity` if the caller's budget does not suffice for the table; nothing was decided.
 * @throws The signal's reason.
 */
export async function releaseTable(
  all: readonly Cell[],
  groups: number,
  ledger: Ledger,
  rules: DisclosureRules,
  signal: AbortSignal,
  repeated = false,
): Promise<ReleasedTable> {
  const cells = all.filter(({ level }) => level === 0);
  if (!repeated) ledger.begin(mostNumbers(all, rules));
  const shown = new Map<Cell, ReleasedCell>();
  for (const cell of cells) {
    await yieldToOthers(signal);
    const released = releaseCell(cell, ledger, rules);
    if (released !== undefined) shown.set(cell, released);
  }
  const margins = all.filter(({ level }) => level > 0);
  await settleMargins({ margins, cells, shown, groups, ledger, rules, signal });
  if (!repeated) ledger.spend(numbersTold([...shown.values()], groups));
  return { cells: [...shown.values()], withheld: cells.length - shown.size };
}

/** The most numbers that a table can show: of the cells and margins of enough persons. */
function mostNumbers(all: readonly Cell[], { k }: DisclosureRules): number {
  return sumOf(all.filter(({ persons }) => persons.value >= k).map(({ values }) => 1 + values.length));
}

/** The numbers that a shown table tells: of its cells, and of the margins that can be computed from them. */
function numbersTold(shown: readonly ReleasedCell[], groups: number): number {
  let told = 0;
  for (let level = 0; level < 2 ** groups; level += 1) {
    const margins = new Map(
      shown.map((cell) => [JSON.stringify(cell.keys.filter((_, at) => ((level >> at) & 1) === 0)), cell]),
    );
    told += sumOf([...margins.values()].map(({ values }) => 1 + values.length));
  }
  return told;
}

function releaseCell(cell: Cell, ledger: Ledger, rules: DisclosureRules): ReleasedCell | undefined {
  const { persons, values, keys } = cell;
  // Rule R3: what is withheld in one statistic is withheld in all.
  if (persons.value < rules.k) return undefined;
  if (values.some((value) => restsOnFew(value, rules))) {
    for (const statistic of [persons, ...values]) ledger.settle(statistic, { kind: "withheld" });
    return undefined;
  }
  const decisions = [persons, ...values].map((statistic) => ledger.decide(statistic));
  const answers: number[] = [];
  for (const decision of decisions) {
    if (decision.kind === "withheld") return undefined;
    answers.push(decision.answer);
  }
  const [count = 0, ...others] = answers;
  return { keys, persons: count, values: others, derived: decisions.some(isDerived) };
}

/** Whether a statistic rests on fewer than k persons, on one or two of them for the most part, or is 0 for all but a few. */
function restsOnFew(value: CellValue, { k }: DisclosureRules): boolean {
  return value.contributors < k || differingBuckets(value.sketch, [], k) < k ||
    dominated(value);
}

/**
 * Whether one or two persons dominate a sum: two have 90 % of it, or the largest could be estimated to within 10 % by the second-largest
 * (ACRO's n-k and p % rules).
 */
function dominated({ sums }: CellValue): boolean {
  if (sums === undefined) return false;
  const { first, second, all } = sums;
  return first + second >= 0.9 * all || all - first - second < 0.1 * first;
}

function isDerived(decision: Decision): boolean {
  return decision.kind === "answer" && decision.derived;
}

/** A decision takes up to some 200 ms, and a table has hundreds: other calls go on between two, and a call that has ended stops. */
async function yieldToOthers(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  signal.throwIfAborted();
}

interface Margins {
  readonly margins: readonly Cell[];
  readonly cells: readonly Cell[];
  readonly shown: ReadonlyMap<Cell, ReleasedCell>;
  readonly groups: number;
  readonly ledger: Ledger;
  readonly rules: DisclosureRules;
  readonly signal: AbortSignal;
}

/**
 * Decides about margins, asked for or not, so that a later question for one of them gets an answer that does not give away a withheld
 * cell. Those that sum over the last group column may be exact. All others follow from numbers that are released: with one family of
 * exact margins, every withheld cell keeps a range that needs no solver to be known.
 */
async function settleMargins(
  { margins, cells, shown, groups, ledger, rules, signal }: Margins,
): Promise<void> {
  const exact = groups > 0 ? 1 : 0;
  const settled = new Map<Cell, readonly (number | undefined)[]>();
  const ordered = [...margins].sort((a, b) => Number(b.level === exact) - Number(a.level === exact));
  for (const margin of ordered) {
    if (margin.persons.value < rules.k) continue;
    await yieldToOthers(signal);
    // The margins that may be exact are beneath those that sum over more columns.
    const whole = (margin.level & exact) === exact && margin.level !== exact;
    const parts = whole
      ? ordered.filter((other) => other.level === exact && within(other, margin)).map((other) =>
        settled.get(other)
      )
      : cells.filter((cell) => within(cell, margin)).map((cell) => numbersOf(shown.get(cell)));
    const persons = parts.map((part) => part?.[0]);
    const how = marginAnswer(margin.persons.value, persons, margin.level === exact, rules);
    const answers = [margin.persons, ...margin.values].map(function settle(statistic, at) {
      if (how === "own") return numberOf(ledger.decide(statistic));
      if (how === "none") return numberOf(ledger.settle(statistic, { kind: "withheld" }));
      const answer = sumOf(parts.map((part) => part?.[at] ?? 0));
      return numberOf(ledger.settle(statistic, { kind: "answer", answer, derived: true }));
    });
    settled.set(margin, answers);
  }
}

/** How a margin is answered: with its own number, with the sum of what is released beneath it, or not at all. */
type MarginAnswer = "own" | "sum" | "none";

/**
 * Chooses how a margin is answered.
 *
 * @param persons The margin's persons.
 * @param known The persons released beneath; undefined where they are withheld.
 * @param mayBeExact Whether margins of this level may be exact.
 */
function marginAnswer(
  persons: number,
  known: readonly (number | undefined)[],
  mayBeExact: boolean,
  { k }: DisclosureRules,
): MarginAnswer {
  const released = known.filter((number) => number !== undefined);
  const withheld = known.length - released.length;
  const rest = persons - sumOf(released);
  // Groups overlap: the sum counts persons twice, and reveals nothing about what is withheld.
  if (rest <= -k) return "own";
  // Each of w withheld cells of sum s has the range from max(0, s − (w − 1)(k − 1)) to min(k − 1, s), which must have k − 1 numbers.
  if (mayBeExact && rest >= k && rest - (withheld - 1) * (k - 1) <= 1) return "own";
  return released.length === 0 ? "none" : "sum";
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

function numberOf(decision: Decision): number | undefined {
  return decision.kind === "withheld" ? undefined : decision.answer;
}

function numbersOf(cell: ReleasedCell | undefined): readonly number[] | undefined {
  return cell === undefined ? undefined : [cell.persons, ...cell.values];
}

/** Whether a cell, or a margin of fewer columns, is beneath a margin. */
function within(cell: Cell, margin: Cell): boolean {
  const columns = margin.keys.length;
  return margin.keys.every((key, at) => {
    const summed = (margin.level >> (columns - 1 - at)) & 1;
    return summed === 1 || key === cell.keys[at];
  });
}
