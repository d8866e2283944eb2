/** Sums about persons whose number is that of another set: they would show by how much the sets differ. */
import assert from "node:assert/strict";
import { Ledger } from "../../../../src/cdm/disclosure/ledger.ts";
import type { CellValue } from "../../../../src/cdm/disclosure/cell_value.ts";
import { type Cell, releaseTable } from "../../../../src/cdm/disclosure/release.ts";
import { PRESETS } from "../../../../src/cdm/disclosure/rules.ts";
import { finished, People, randomNumbers } from "./people.ts";

const RULES = PRESETS.cms;
const GROUP = 143;

/** Persons of five ages, the way a query for records, mean and standard deviation reads them. */
function scene(seed: number) {
  const random = randomNumbers(seed);
  const people = new People(1_000, random);
  const ledger = new Ledger(RULES, people.count(() => true), random);
  const age = (person: number) => 35 + person % 5;
  const cell = (
    has: (person: number) => boolean,
    { values = true, hasAge = has }: { values?: boolean; hasAge?: (person: number) => boolean } = {},
  ): Cell => {
    const persons = people.count(has);
    const contributors = hasAge === has ? persons : people.count(hasAge);
    const of = (kind: CellValue["kind"], value: (person: number) => number) => ({
      ...people.statistic((person) => hasAge(person) ? value(person) : 0),
      contributors,
      kind,
    });
    const all = [
      of("records", (person) => 1 + person % 3),
      of("sum", age),
      of("squares", (person) => age(person) ** 2),
    ];
    return { level: 0, keys: [], persons, values: values ? all : [] };
  };
  const ask = (one: Cell) => {
    const { cells: [shown] } = finished(releaseTable([one], 0, ledger, RULES));
    return shown && [shown.persons, ...shown.values];
  };
  return { cell, ask };
}

for (const missing of [1, 3, 10, 20]) {
  Deno.test(`after a group's number, sums of the group without ${missing} of its persons are withheld, and the group's own are shown`, () => {
    const { cell, ask } = scene(missing);
    const group = (person: number) => person < GROUP;
    assert.deepEqual(ask(cell(group, { values: false })), [GROUP]);
    const [, records, ...moments] = ask(cell((person) => person < GROUP - missing)) ?? [];
    assert.ok(records !== undefined);
    assert.deepEqual(moments, [undefined, undefined]);
    const own = cell(group);
    // The records are those of the question before.
    assert.deepEqual(ask(own), [GROUP, records, ...own.values.slice(1).map(({ value }) => value)]);
    // From now on these are the sums of every set near the group.
    assert.deepEqual(ask(cell((person) => person < GROUP - missing)), ask(own));
  });
}

Deno.test("a group that differs from an earlier one in 2k − 1 persons has its own number and sums", () => {
  const { cell, ask } = scene(30);
  ask(cell((person) => person < GROUP, { values: false }));
  const other = cell((person) => person < GROUP - 21);
  assert.deepEqual(ask(other), [GROUP - 21, ...other.values.map(({ value }) => value)]);
});

Deno.test("where few persons of a group have no value, the group gets the number of those who have one, so that the mean is right", () => {
  const { cell, ask } = scene(31);
  const one = cell((person) => person < GROUP, { hasAge: (person) => person < GROUP - 10 });
  assert.deepEqual(ask(one), [GROUP - 10, ...one.values.map(({ value }) => value)]);
});
