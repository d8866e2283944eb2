/**
 * Random tables through the real decisions, for a solver: which numbers a caller was shown, and what is true.
 *
 * The caller asks for the table, its two margins and the total, in random order.
 */
import { Ledger } from "../../../src/cdm/disclosure/ledger.ts";
import { type Cell, releaseTable } from "../../../src/cdm/disclosure/release.ts";
import { type DisclosureRules, leastShown } from "../../../src/cdm/disclosure/rules.ts";
import { finished, People, randomNumbers } from "../../unit/cdm/disclosure/people.ts";

type Key = number | undefined;
type Where = readonly [row: Key, column: Key];

/** A table, what was shown of it, and the rules. A group of fewer than `least` persons is not shown; `k` is the threshold. */
interface AskedTable {
  readonly k: number;
  readonly least: number;
  /** Persons in all, which everybody knows. */
  readonly size: number;
  /** In their order. */
  readonly questions: readonly string[];
  readonly shown: readonly Shown[];
  /** The persons of each cell, by row. */
  readonly truth: readonly (readonly number[])[];
}

/** A number that was shown; of a margin, without its row or column. */
interface Shown {
  readonly row: Key;
  readonly column: Key;
  readonly persons: number;
  /** Whether it is marked as computed from earlier answers. */
  readonly derived: boolean;
}

/** A random table of 2 to 6 rows and 2 to 8 columns. @param rules The rules. @param seed An integer. */
export function askedTable(rules: DisclosureRules, seed: number): AskedTable {
  const random = randomNumbers(seed);
  const [rowCount, columnCount] = [2 + Math.floor(5 * random()), 2 + Math.floor(7 * random())];
  // About as many persons a cell as decide whether it is shown.
  const size = Math.floor(leastShown(rules) * rowCount * columnCount * (0.4 + 2 * random()));
  const people = new People(size, random);
  const [rowSkew, columnSkew] = [1 + random(), 1 + 2 * random()];
  const row = Array.from({ length: size }, () => Math.floor(rowCount * random() ** rowSkew));
  const column = Array.from({ length: size }, () => Math.floor(columnCount * random() ** columnSkew));
  const has = ([r, c]: Where) => (person: number) =>
    (r === undefined || row[person] === r) && (c === undefined || column[person] === c);
  const ledger = new Ledger(rules, people.count(() => true), random);
  const shown: Shown[] = [];
  const questions = ["table", "rows", "columns", "total"].map((name) => ({ name, order: random() }))
    .sort((a, b) => a.order - b.order).map(({ name }) => name);
  for (const question of questions) {
    const cells = cellsOf(question, [rowCount, columnCount], (where) => people.count(has(where)));
    const groups = question === "table" ? 2 : question === "total" ? 0 : 1;
    for (const cell of finished(releaseTable(cells.map(({ cell }) => cell), groups, ledger, rules)).cells) {
      const asked = cells.find((each) =>
        each.cell.level === 0 && each.cell.keys.every((key, i) => key === cell.keys[i])
      );
      if (asked === undefined) throw new Error("a cell that was not asked for");
      shown.push({
        row: asked.where[0],
        column: asked.where[1],
        persons: cell.persons,
        derived: cell.derived,
      });
    }
  }
  const truth = Array.from(
    { length: rowCount },
    (_, r) => Array.from({ length: columnCount }, (_, c) => people.count(has([r, c])).value),
  );
  return { k: rules.k, least: leastShown(rules), size, questions, shown, truth };
}

/** The cells and margins of a question, with where they are in the table. */
function cellsOf(
  question: string,
  [rowCount, columnCount]: readonly [number, number],
  count: (where: Where) => Cell["persons"],
): readonly { readonly cell: Cell; readonly where: Where }[] {
  const rows = Array.from({ length: rowCount }, (_, r) => r);
  const columns = Array.from({ length: columnCount }, (_, c) => c);
  const all: Where = [undefined, undefined];
  const wheres: readonly (readonly [level: number, where: Where])[] = question === "total"
    ? [[0, all]]
    : question === "rows"
    ? [...rows.map((r) => [0, [r, undefined]] as const), [1, all]]
    : question === "columns"
    ? [...columns.map((c) => [0, [undefined, c]] as const), [1, all]]
    : [
      ...rows.flatMap((r) => columns.map((c) => [0, [r, c]] as const)),
      ...rows.map((r) => [1, [r, undefined]] as const),
      ...columns.map((c) => [2, [undefined, c]] as const),
      [3, all],
    ];
  const name = (key: Key) => key === undefined ? null : String(key);
  return wheres.map(([level, where]) => {
    const keys = question === "total"
      ? []
      : question === "rows"
      ? [name(where[0])]
      : question === "columns"
      ? [name(where[1])]
      : where.map(name);
    return { cell: { level, keys, persons: count(where), values: [] }, where };
  }).filter(({ cell }) => cell.persons.value > 0);
}
