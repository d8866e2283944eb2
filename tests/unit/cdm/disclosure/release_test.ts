/** Tables: what is shown of cells and margins, and what an attacker can compute of the cells that are not. */
import assert from "node:assert/strict";
import { inSlices } from "../../../../src/lib/async/in_slices.ts";
import { Ledger } from "../../../../src/cdm/disclosure/ledger.ts";
import type { CellValue } from "../../../../src/cdm/disclosure/cell_value.ts";
import { type Cell, releaseTable } from "../../../../src/cdm/disclosure/release.ts";
import { type DisclosureRules, leastShown, PRESETS } from "../../../../src/cdm/disclosure/rules.ts";
import { askedTable } from "../../../fuzz/disclosure/tables.ts";
import { finished, People, randomNumbers } from "./people.ts";

const RULES: DisclosureRules = PRESETS.ohdsi;
const LEAST = leastShown(RULES);
const ROWS = 3;
const COLUMNS = 4;

/** A table of persons by two attributes, with all margins, as the database computes it. */
function tableOf(people: People, row: readonly number[], column: readonly number[]): readonly Cell[] {
  const cells: Cell[] = [];
  const add = (level: number, r: number | undefined, c: number | undefined) => {
    const persons = people.count((person) =>
      (r === undefined || row[person] === r) && (c === undefined || column[person] === c)
    );
    const keys = [r, c].map((key) => key === undefined ? null : String(key));
    if (persons.value > 0) cells.push({ level, keys, persons, values: [] });
  };
  for (let r = 0; r < ROWS; r += 1) {
    for (let c = 0; c < COLUMNS; c += 1) add(0, r, c);
    add(1, r, undefined);
  }
  for (let c = 0; c < COLUMNS; c += 1) add(2, undefined, c);
  add(3, undefined, undefined);
  return cells;
}

interface Known {
  /** Numbers by row and column; undefined if withheld. */
  readonly cells: readonly (readonly (number | undefined)[])[];
  readonly rows: readonly (number | undefined)[];
  readonly columns: readonly (number | undefined)[];
  readonly total: number | undefined;
}

/** The ranges of withheld cells that agree with every number that is shown as exact, by trying all. */
function ranges(
  { cells, rows, columns, total }: Known,
): readonly { readonly low: number; readonly high: number }[] {
  const unknown = cells.flatMap((line, r) =>
    line.flatMap((cell, c) => cell === undefined ? [[r, c] as const] : [])
  );
  const found = unknown.map(() => ({ low: Infinity, high: -Infinity }));
  // A cell of few persons; or one that is withheld to protect such, which has no more persons than the smallest that is shown.
  const most = 1 + Math.max(LEAST - 1, Math.min(...cells.flat().filter((cell) => cell !== undefined)));
  const values = unknown.map(() => 0);
  for (let code = 0; code < most ** unknown.length; code += 1) {
    let rest = code;
    const full = cells.map((line) => line.map((cell) => cell ?? 0));
    unknown.forEach(([r, c], at) => {
      values[at] = rest % most;
      rest = Math.floor(rest / most);
      const line = full[r];
      if (line !== undefined) line[c] = values[at] ?? 0;
    });
    const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
    const fits = rows.every((margin, r) => margin === undefined || margin === sum(full[r] ?? [])) &&
      columns.every((margin, c) =>
        margin === undefined || margin === sum(full.map((line) => line[c] ?? 0))
      ) &&
      (total === undefined || total === sum(full.flat()));
    if (!fits) continue;
    values.forEach((value, at) => {
      const range = found[at];
      if (range !== undefined) {
        found[at] = { low: Math.min(range.low, value), high: Math.max(range.high, value) };
      }
    });
  }
  return found;
}

Deno.test("of 80 random tables no withheld cell can be computed, nor its range be narrowed, from cells and margins", () => {
  const random = randomNumbers(21);
  let withheld = 0;
  let contradictory = 0;
  for (let at = 0; at < 80; at += 1) {
    const size = 150 + Math.floor(random() * 150);
    const people = new People(size, random);
    // Some rows and columns are rare, so that there are small cells.
    const row = Array.from({ length: size }, () => Math.floor(ROWS * random() ** 1.5));
    const column = Array.from({ length: size }, () => Math.floor(COLUMNS * random() ** 2));
    const table = tableOf(people, row, column);
    const ledger = new Ledger(RULES, people.count(() => true), random);
    const released = finished(releaseTable(table, 2, ledger, RULES)).cells;
    withheld += table.filter(({ level }) => level === 0).length - released.length;
    const cell = (r: number, c: number) =>
      released.find(({ keys }) => keys[0] === String(r) && keys[1] === String(c));
    // A margin that is near the sum of what is shown may be just that sum; others, asked for now, are taken to be exact.
    const exact = (level: number, keys: readonly (string | null)[]) => {
      const margin = table.find((each) =>
        each.level === level && each.keys.every((key, i) => key === keys[i])
      );
      if (margin === undefined) return undefined;
      const decision = finished(ledger.decide(margin.persons));
      const shown = released.filter((each) => keys.every((key, i) => key === null || key === each.keys[i]))
        .reduce((sum, { persons }) => sum + persons, 0);
      if (decision.kind !== "answer" || Math.abs(decision.answer - shown) < LEAST) return undefined;
      return decision.answer;
    };
    const numbers = {
      cells: Array.from(
        { length: ROWS },
        (_, r) => Array.from({ length: COLUMNS }, (_, c) => cell(r, c)?.persons),
      ),
      rows: Array.from({ length: ROWS }, (_, r) => exact(1, [String(r), null])),
      columns: Array.from({ length: COLUMNS }, (_, c) => exact(2, [null, String(c)])),
      total: exact(3, [null, null]),
    };
    if (numbers.cells.flat().filter((each) => each === undefined).length > 3) continue;
    // A derived cell is not its true number; only exact ones can be used in equations.
    if (released.some(({ derived }) => derived)) continue;
    const found = ranges(numbers);
    // No table fits: one of the numbers is that of nearly the same persons, and the attacker cannot know which.
    if (found.some(({ low, high }) => low > high)) {
      contradictory += 1;
      continue;
    }
    for (const { low, high } of found) {
      assert.ok(high - low >= RULES.k - 2, `table ${at}: a withheld cell is from ${low} to ${high}`);
    }
  }
  assert.ok(
    withheld > 80 && contradictory < 8,
    `${withheld} cells withheld, ${contradictory} tables contradictory`,
  );
});

Deno.test("every cell of 2k − 1 persons and more is shown, or what earlier answers give in its place", () => {
  const random = randomNumbers(22);
  const people = new People(400, random);
  const row = Array.from({ length: 400 }, () => Math.floor(ROWS * random()));
  const column = Array.from({ length: 400 }, () => Math.floor(COLUMNS * random() ** 3));
  const table = tableOf(people, row, column);
  const { cells: released } = finished(
    releaseTable(table, 2, new Ledger(RULES, people.count(() => true), random), RULES),
  );
  for (const { level, keys, persons } of table) {
    if (level !== 0) continue;
    const shown = released.find((cell) => cell.keys.every((key, at) => key === keys[at]));
    assert.equal(shown !== undefined, persons.value >= LEAST);
    if (shown !== undefined) assert.ok(Math.abs(shown.persons - persons.value) < LEAST);
  }
});

Deno.test("no number of persons below 2k − 1 is shown, not even one that follows from other answers", () => {
  for (const rules of [PRESETS.ohdsi, PRESETS.cms]) {
    for (let at = 0; at < 60; at += 1) {
      const { shown } = askedTable(rules, 7_000_021 + at);
      assert.ok(shown.every(({ persons }) => persons >= leastShown(rules)), `table ${at} of ${rules.preset}`);
    }
  }
});

Deno.test("the complement of a table's withheld cell is not revealed by a later question for the margin", () => {
  const random = randomNumbers(23);
  const people = new People(300, random);
  // Groups of 200, 97 and 3 persons.
  const group = (person: number) => person < 200 ? "a" : person < 297 ? "b" : "c";
  const table: readonly Cell[] = [
    ...["a", "b", "c"].map((key) => ({
      level: 0,
      keys: [key],
      persons: people.count((person) => group(person) === key && person !== 0),
      values: [],
    })),
    { level: 1, keys: [null], persons: people.count((person) => person !== 0), values: [] },
  ];
  const ledger = new Ledger(RULES, people.count(() => true), random);
  const cells = finished(releaseTable(table, 1, ledger, RULES)).cells;
  assert.deepEqual(cells.map(({ keys, persons }) => [keys[0], persons]), [["a", 199], ["b", 101]]);
  assert.equal(table.filter(({ level }) => level === 0).length - cells.length, 1);
  // 300 persons are known to exist: b's number follows from that and a's.
  const margin = table.at(-1);
  assert.ok(margin !== undefined);
  assert.deepEqual(finished(ledger.decide(margin.persons)), { kind: "answer", answer: 300, derived: false });
});

Deno.test("a margin of overlapping groups does not reveal the records of a withheld cell", () => {
  const random = randomNumbers(26);
  const people = new People(2000, random);
  // With as many earlier answers as this, the ledger looks for pairs only: the margin is a sum of five groups.
  const earlier = Array.from({ length: 610 }, () => {
    const { sketch, value } = people.count(() => random() < 0.5);
    return { sketch, decision: { kind: "answer", answer: value, derived: false } } as const;
  });
  const groups = Array.from({ length: 4 }, () => {
    const members = new Set(Array.from({ length: 600 }, () => Math.floor(random() * 2000)));
    return (person: number) => members.has(person) ? 1 + person % 2 : 0;
  });
  const small = (person: number) => [3, 2, 2][person] ?? 0;
  const cell = (level: number, key: string | null, records: (person: number) => number) => {
    const value = people.statistic(records);
    const persons = people.count((person) => records(person) > 0);
    const sums = { first: 5, second: 3, all: value.value };
    return { level, keys: [key], persons, values: [{ ...value, contributors: persons, sums }] };
  };
  const table: readonly Cell[] = [
    ...groups.map((records, at) => cell(0, String(at), records)),
    cell(0, "small", small),
    cell(1, null, (person) => groups.reduce((sum, records) => sum + records(person), small(person))),
  ];
  const ledger = new Ledger(RULES, people.count(() => true), random, earlier);
  const { cells } = finished(releaseTable(table, 1, ledger, RULES));
  assert.equal(cells.length, groups.length);
  const shown = cells.reduce((sum, { values: [records = 0] }) => sum + records, 0);
  const [records] = table.at(-1)?.values ?? [];
  assert.ok(records !== undefined && records.value === shown + 7);
  assert.deepEqual(finished(ledger.decide(records)), { kind: "answer", answer: shown, derived: true });
});

Deno.test("a cell withheld in one statistic is withheld in all, and so is one whose sum one or two persons dominate", () => {
  const random = randomNumbers(24);
  const people = new People(100, random);
  const value = (contributors: number, first: number): CellValue => ({
    ...people.statistic((person) => person < contributors ? (person === 0 ? first : 1 + person % 3) : 0),
    contributors: people.count((person) => person < contributors),
    sums: { first, second: 2, all: first + 2 * (contributors - 1) },
  });
  const table = (one: CellValue): readonly Cell[] => [
    { level: 0, keys: [], persons: people.count((person) => person < 60), values: [one] },
  ];
  const release = (one: CellValue, rules: DisclosureRules) =>
    finished(releaseTable(table(one), 0, new Ledger(rules, people.count(() => true), random), rules)).cells;
  // The 20 persons without a value are too few to be seen, and a mean must be that of those who have one.
  assert.deepEqual(release(value(40, 5), PRESETS.cms), [{
    keys: [],
    persons: 40,
    values: [83],
    derived: false,
  }]);
  assert.deepEqual(release(value(3, 5), PRESETS.cms), []);
  assert.deepEqual(release(value(40, 1_000), PRESETS.cms), []);
  assert.equal((release(value(40, 5), PRESETS.acro)).length, 1);
});

Deno.test("a table beyond the budget releases nothing, and numbers that were released stay free", () => {
  const random = randomNumbers(25);
  const people = new People(500, random);
  const cells = (from: number, to: number): readonly Cell[] =>
    Array.from({ length: to - from }, (_, at) => ({
      level: 0,
      keys: [String(from + at)],
      persons: people.count((person) => Math.floor(person / 12) === from + at),
      values: [],
    }));
  const rules = { ...RULES, budget: 40 };
  const ledger = new Ledger(rules, people.count(() => true), random);
  assert.equal(finished(releaseTable(cells(0, 30), 1, ledger, rules)).cells.length, 30);
  assert.equal(ledger.remaining, 10);
  assert.throws(
    () => finished(releaseTable(cells(20, 41), 1, ledger, rules)).cells,
    /more new numbers than the 10/,
  );
  assert.equal(ledger.remaining, 10);
  assert.equal(finished(releaseTable(cells(20, 39), 1, ledger, rules)).cells.length, 19);
  assert.equal(ledger.remaining, 1);
});

Deno.test("a call that has ended decides nothing about its table, and asking again is answered", async () => {
  const random = randomNumbers(26);
  const people = new People(500, random);
  const cells: readonly Cell[] = Array.from({ length: 30 }, (_, at) => ({
    level: 0,
    keys: [String(at)],
    persons: people.count((person) => Math.floor(person / 12) === at),
    values: [],
  }));
  const ledger = new Ledger(RULES, people.count(() => true), random);
  const ended = AbortSignal.abort(new Error("cancelled"));
  await assert.rejects(inSlices(releaseTable(cells, 1, ledger, RULES), ended), /cancelled/);
  assert.equal(ledger.remaining, RULES.budget);
  assert.equal(finished(releaseTable(cells, 1, ledger, RULES)).cells.length, 30);
});
