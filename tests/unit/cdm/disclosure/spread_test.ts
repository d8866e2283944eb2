/** Standard deviations: what one person far from all others makes of them. */
import assert from "node:assert/strict";
import { Ledger } from "../../../../src/cdm/disclosure/ledger.ts";
import type { CellValue } from "../../../../src/cdm/disclosure/cell_value.ts";
import { type Cell, releaseTable } from "../../../../src/cdm/disclosure/release.ts";
import { PRESETS } from "../../../../src/cdm/disclosure/rules.ts";
import { finished, People, randomNumbers } from "./people.ts";

const RULES = PRESETS.ohdsi;

Deno.test("a sum of squares whose distances from the mean one person dominates is withheld alone, in cells and margins", () => {
  const random = randomNumbers(27);
  const people = new People(400, random);
  const cell = (level: number, key: string | null, has: (person: number) => boolean): Cell => {
    const contributors = people.count(has);
    const first = has(0) ? 900 : 9;
    const squares = people.statistic((person) => has(person) ? 9 + person % 5 : 0);
    const sums = { first, second: 9, all: first + 9 * contributors.value };
    const records = people.statistic((person) => has(person) ? 1 + person % 2 : 0);
    const even = { first: 2, second: 2, all: records.value };
    return {
      level,
      keys: [key],
      persons: contributors,
      values: [{ ...records, contributors, sums: even }, {
        ...squares,
        contributors,
        sums: { ...sums, all: first < 10 ? sums.all : first + 60 },
        kind: "squares",
      }],
    };
  };
  const table = [
    cell(0, "a", (person) => person < 100),
    cell(0, "b", (person) => person >= 100 && person < 300),
    cell(1, null, (person) => person < 300),
  ];
  const ledger = new Ledger(RULES, people.count(() => true), random);
  const ask = (cells: readonly Cell[], groups: number) =>
    finished(releaseTable(cells, groups, ledger, RULES)).cells.map(({ values }) =>
      values.map((value) => value === undefined)
    );
  assert.deepEqual(ask(table, 1), [[false, true], [false, false]]);
  const whole = { ...table[2], level: 0, keys: [] } as Cell;
  assert.deepEqual(ask([whole], 0), [[false, true]]);
  assert.deepEqual(ask(table, 1), [[false, true], [false, false]]);
});

Deno.test("a sum of squares is one of the numbers of the budget, although it may be withheld alone", () => {
  const random = randomNumbers(28);
  const people = new People(300, random);
  const persons = people.count((person) => person < 200);
  const sums = { first: 9, second: 9, all: 1_500 };
  const of = (sum: (person: number) => number, kind: CellValue["kind"]) => ({
    ...people.statistic((person) => person < 200 ? sum(person) : 0),
    contributors: persons,
    sums,
    kind,
  });
  const cell: Cell = {
    level: 0,
    keys: [],
    persons,
    values: [of((person) => 2 + person % 5, "sum"), of((person) => (2 + person % 5) ** 2, "squares")],
  };
  const rules = { ...RULES, budget: 2 };
  const ledger = new Ledger(rules, people.count(() => true), random);
  const ask = (values: Cell["values"]) => finished(releaseTable([{ ...cell, values }], 0, ledger, rules));
  ask([]);
  assert.equal(ledger.remaining, 1);
  assert.throws(() => ask(cell.values), {
    code: "capacity",
    retryable: false,
    state: /^Nothing of this table was released/,
  });
  assert.equal(ask(cell.values.slice(0, 1)).cells.length, 1);
  assert.equal(ledger.remaining, 0);
});
