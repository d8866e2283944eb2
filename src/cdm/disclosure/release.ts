/** Decides which numbers of a table may be shown: rules R1 to R4 of the disclosure rules for cells and their margins. */
import type { Steps } from "../../lib/async/in_slices.ts";
import { requireBudget } from "./budget.ts";
import { type Counted, type Decision, WITHHELD } from "./decision.ts";
import { type Ledger } from "./ledger.ts";
import { type CellValue, restsOnFew } from "./cell_value.ts";
import { decideOwn } from "./decide_own.ts";
import { isWide, marginAnswer, sumOf } from "./margin_answer.ts";
import { type DisclosureRules, leastShown } from "./rules.ts";

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
  /** Undefined for one that is withheld alone. */
  readonly values: readonly (number | undefined)[];
  /** Whether one of its numbers was computed from earlier answers. */
  readonly derived: boolean;
}

/** A table that was decided about. */
export interface ReleasedTable {
  readonly cells: readonly ReleasedCell[];
  /** Margins whose own number is not known to the caller. */
  readonly adjusted: number;
}

/**
 * Decides about a table, in steps. If it is ended between two steps, its decisions count as released although nobody has seen them. This is safe,
 * and asking again is free. The order of cells must not depend on their numbers.
 *
 * @param all Cells and margins of every level.
 * @param groups How many group columns there are.
 * @param ledger The caller's earlier answers.
 * @param rules The rules in force.
 * @returns The cells that are shown; how many are not is itself hidden from the caller of a query.
 * @throws {OmcpError} `capacity` if the caller's budget does not suffice for the table; nothing was decided.
 */
export function* releaseTable(
  all: readonly Cell[],
  groups: number,
  ledger: Ledger,
  rules: DisclosureRules,
): Steps<ReleasedTable> {
  const cells = all.filter(({ level }) => level === 0);
  const enough = all.filter(({ persons }) => !isTooFew(persons, ledger, rules));
  yield* requireBudget(enough.flatMap((cell) => [...statisticsOf(cell), ...spreadsOf(cell)]), ledger);
  const before = yield* releasedBefore(all, cells, ledger);
  const protects = yield* cellsToProtect(before, cells, ledger, rules);
  const shown = new Map<Cell, ReleasedCell>();
  for (const cell of cells) {
    const released = yield* releaseCell(cell, ledger, rules, protects.has(cell));
    if (released !== undefined) shown.set(cell, released);
  }
  const adjusted = yield* settleMargins({
    // With two families of exact margins, the ranges of withheld cells would need a solver to be known.
    family: before.length === 0,
    margins: all.filter(({ level }) => level > 0),
    cells,
    shown,
    groups,
    ledger,
    rules,
  });
  return { cells: [...shown.values()], adjusted };
}

/** Cells whose sum was released before: the cells beneath a margin, or those of them that are not beneath a smaller margin. */
interface ReleasedSum {
  readonly cells: ReadonlySet<Cell>;
  readonly sum: number;
}

/** The sums of cells that the caller knows from before. */
function* releasedBefore(
  all: readonly Cell[],
  cells: readonly Cell[],
  ledger: Ledger,
): Steps<readonly ReleasedSum[]> {
  const margins: ReleasedSum[] = [];
  for (const margin of all) {
    if (margin.level === 0) continue;
    yield;
    const earlier = ledger.decided(margin.persons);
    if (earlier?.kind !== "answer") continue;
    margins.push({ cells: new Set(cells.filter((cell) => within(cell, margin))), sum: earlier.answer });
  }
  const rests: ReleasedSum[] = [];
  for (const whole of margins) {
    yield;
    for (const part of margins) {
      if (part.cells.size >= whole.cells.size || !part.cells.isSubsetOf(whole.cells)) continue;
      rests.push({ cells: whole.cells.difference(part.cells), sum: whole.sum - part.sum });
    }
  }
  return [...margins, ...rests];
}

/**
 * Cells that must be withheld to protect others, because a sum that contains both was released before. If these cells were shown, the rest of that
 * sum would leave fewer than k possible numbers for the others. The smallest cells come first.
 */
function* cellsToProtect(
  before: readonly ReleasedSum[],
  cells: readonly Cell[],
  ledger: Ledger,
  rules: DisclosureRules,
): Steps<ReadonlySet<Cell>> {
  if (before.length === 0) return new Set();
  const shown = new Set(cells.filter((cell) => mayBeShown(cell, ledger, rules)));
  const protects = new Set<Cell>();
  for (let changed = true; changed;) {
    changed = false;
    for (const { cells: beneath, sum: whole } of before) {
      yield;
      const visible = [...beneath].filter((cell) => shown.has(cell))
        .sort((a, b) => a.persons.value - b.persons.value);
      const sum = whole - sumOf(visible.map(({ persons }) => persons.value));
      const count = [...beneath].filter((cell) => protects.has(cell)).length;
      const few = beneath.size - visible.length - count;
      // What was released before cannot be taken back.
      const smallest = visible.find(({ persons }) => ledger.decided(persons) === undefined);
      if (smallest === undefined || few === 0 || sum < leastShown(rules)) continue;
      // A cell that protects has no more persons than the smallest one that is shown.
      if (isWide({ sum, few, protecting: { count, most: smallest.persons.value } }, rules)) continue;
      shown.delete(smallest);
      protects.add(smallest);
      changed = true;
    }
  }
  return protects;
}

/**
 * Those who contribute to each value, its persons, and the values that are shown with them or not at all. Contributors come first: if few persons
 * have no value, both get one number, and a mean is right only with the contributors'.
 */
function statisticsOf({ persons, values }: Cell): readonly Counted[] {
  const together = values.filter(({ kind }) => kind !== "squares");
  return [...new Set([...values.map(({ contributors }) => contributors), persons]), ...together];
}

/** The values that may be withheld alone. */
function spreadsOf({ values }: Cell): readonly CellValue[] {
  return values.filter(({ kind }) => kind === "squares");
}

/**
 * Whether the persons are known to be withheld. If so, nothing is decided about their values, because the budget that such decisions cost would
 * show whether the persons are too few or were withheld for another reason.
 */
function isTooFew(persons: Counted, ledger: Ledger, rules: DisclosureRules): boolean {
  // So few are nearer to nobody than to any answer.
  return persons.value < rules.k || ledger.decided(persons)?.kind === "withheld";
}

function mayBeShown(cell: Cell, ledger: Ledger, rules: DisclosureRules): boolean {
  if (isTooFew(cell.persons, ledger, rules)) return false;
  const decisions = statisticsOf(cell).map((statistic) => ledger.decided(statistic));
  if (decisions.some((decision) => decision?.kind === "withheld")) return false;
  return !decisions.includes(undefined) || isSound(cell, rules);
}

function isSound({ values }: Cell, rules: DisclosureRules): boolean {
  return !values.some((value) => value.kind !== "squares" && restsOnFew(value, rules));
}

function* releaseCell(
  cell: Cell,
  ledger: Ledger,
  rules: DisclosureRules,
  protects: boolean,
): Steps<ReleasedCell | undefined> {
  if (isTooFew(cell.persons, ledger, rules)) {
    if (cell.persons.value >= rules.k) ledger.settle(cell.persons, WITHHELD);
    return undefined;
  }
  const statistics = statisticsOf(cell);
  if (protects || !mayBeShown(cell, ledger, rules)) {
    // Rule R3: what is withheld in one statistic is withheld in all. Statistics that are known to be withheld are first, because the decisions
    // about others could change that.
    const isWithheld = (statistic: Counted) => ledger.decided(statistic)?.kind === "withheld";
    const ordered = [...statistics].sort((a, b) => Number(isWithheld(b)) - Number(isWithheld(a)));
    for (const statistic of ordered) ledger.settle(statistic, WITHHELD);
    return undefined;
  }
  const answers = new Map<Counted, number>();
  let derived = false;
  for (const statistic of statistics) {
    const decision = yield* decideOwn(statistic, cell, ledger, rules);
    // A new sum about persons who got another set's number is withheld alone.
    if (decision.kind === "withheld" && ledger.decided(statistic) === undefined) continue;
    if (decision.kind === "withheld") return undefined;
    // A number that follows from other answers may be smaller than any number of persons that is shown. Whether it is depends on released numbers
    // alone.
    if (isOfPersons(statistic, cell) && decision.answer < leastShown(rules)) return undefined;
    answers.set(statistic, decision.answer);
    derived ||= decision.derived;
  }
  for (const spread of spreadsOf(cell)) {
    const decision = yield* decideOwn(spread, cell, ledger, rules);
    if (decision.kind === "answer") answers.set(spread, decision.answer);
  }
  const values = cell.values.map((value) => answers.get(value));
  return { keys: cell.keys, persons: answers.get(cell.persons) ?? 0, values, derived };
}

/** Whether a statistic of a cell is a number of persons. */
function isOfPersons(statistic: Counted, { persons, values }: Cell): boolean {
  return statistic === persons || values.some(({ contributors }) => contributors === statistic);
}

interface Margins {
  /** Whether margins over the last group column may be exact. */
  readonly family: boolean;
  readonly margins: readonly Cell[];
  readonly cells: readonly Cell[];
  readonly shown: ReadonlyMap<Cell, ReleasedCell>;
  readonly groups: number;
  readonly ledger: Ledger;
  readonly rules: DisclosureRules;
}

/**
 * Decides about margins, asked for or not, so that a later question for one of them gets an answer that does not give away a withheld cell. Margins
 * that sum over the last group column may be exact. All others are computed from released numbers: with one family of exact margins, the range of
 * every withheld cell is known without a solver.
 */
function* settleMargins(
  { family, margins, cells, shown, groups, ledger, rules }: Margins,
): Steps<number> {
  let adjusted = 0;
  const exact = groups > 0 ? 1 : 0;
  const settled = new Map<Cell, readonly (number | undefined)[]>();
  const ordered = [...margins].sort((a, b) => Number(b.level === exact) - Number(a.level === exact));
  for (const margin of ordered) {
    yield;
    if (isTooFew(margin.persons, ledger, rules)) {
      if (margin.persons.value >= rules.k) ledger.settle(margin.persons, WITHHELD);
      continue;
    }
    // The margins that may be exact are beneath those that sum over more columns.
    const whole = (margin.level & exact) === exact && margin.level !== exact;
    const parts = whole
      ? ordered.filter((other) => other.level === exact && within(other, margin)).map((other) =>
        settled.get(other)
      )
      : cells.filter((cell) => within(cell, margin)).map((cell) => numbersOf(shown.get(cell)));
    const persons = parts.map((part) => part?.[0]);
    const how = isSound(margin, rules)
      ? marginAnswer(margin.persons.value, persons, family && margin.level === exact, rules)
      : "none";
    if (how !== "own") adjusted += 1;
    const answers: (number | undefined)[] = [];
    for (const [at, statistic] of [margin.persons, ...margin.values].entries()) {
      const decision = how === "own" || (how === "own persons" && at === 0)
        ? yield* decideOwn(statistic, margin, ledger, rules)
        : how === "none" || parts.some((part) => part?.[0] !== undefined && part[at] === undefined)
        ? ledger.settle(statistic, WITHHELD)
        : ledger.settle(statistic, {
          kind: "answer",
          answer: sumOf(parts.map((part) => part?.[at] ?? 0)),
          derived: true,
        });
      answers.push(numberOf(decision));
    }
    settled.set(margin, answers);
  }
  return adjusted;
}

function numberOf(decision: Decision): number | undefined {
  return decision.kind === "withheld" ? undefined : decision.answer;
}

function numbersOf(cell: ReleasedCell | undefined): readonly (number | undefined)[] | undefined {
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
