/** Means and standard deviations of columns with few values: they reveal how many persons have which. */
import assert from "node:assert/strict";
import { decideOwn } from "../../../../src/cdm/disclosure/decide_own.ts";
import { Ledger } from "../../../../src/cdm/disclosure/ledger.ts";
import { type Cell, releaseTable } from "../../../../src/cdm/disclosure/release.ts";
import { PRESETS } from "../../../../src/cdm/disclosure/rules.ts";
import { finished, People, randomNumbers } from "./people.ts";

const RULES = PRESETS.cms;
const SIZE = 3_000;

/** What is shown of the sum and the sum of squares of the first `count` persons' values. */
function shown(count: number, valueOf: (person: number) => number, level = 0): Shown {
  const random = randomNumbers(31);
  const people = new People(SIZE, random);
  const of = (power: number) => (person: number) => person < count ? valueOf(person) ** power : 0;
  const [sum, squares] = [people.statistic(of(1)), people.statistic(of(2))];
  const contributors = people.count((person) => person < count);
  const sums = { first: 1, second: 1, all: count };
  const cell: Cell = {
    level: 0,
    keys: level === 0 ? [] : ["a"],
    persons: contributors,
    values: [{ ...sum, contributors, sums, kind: "sum" }, {
      ...squares,
      contributors,
      sums,
      kind: "squares",
    }],
  };
  const ledger = new Ledger(RULES, people.count(() => true), random);
  const table = level === 0 ? [cell] : [cell, { ...cell, level: 1, keys: [null] }];
  const [first] = finished(releaseTable(table, level, ledger, RULES)).cells;
  return {
    values: first?.values,
    derived: first?.derived,
    truth: [sum.value, squares.value],
  };
}
interface Shown {
  readonly values: readonly (number | undefined)[] | undefined;
  readonly derived: boolean | undefined;
  readonly truth: readonly number[];
}

function isAbout(values: Shown["values"], expected: readonly number[]): void {
  assert.ok(
    expected.every((each, at) => Math.abs((values?.[at] ?? NaN) - each) < 1e-6 * each),
    `${values} instead of ${expected}`,
  );
}

Deno.test("if fewer than k persons have the other of two values, a mean is that of all having the first", () => {
  for (const [few, many] of [[0.35, 0.1], [0, 0.25], [41.7, 36.6]] as const) {
    for (const count of [60, 2_500]) {
      for (const level of [0, 1]) {
        for (const other of [0, 1, 10]) {
          const { values, derived } = shown(count, (person) => person < other ? few : many, level);
          isAbout(values, [count * many, count * many ** 2]);
          assert.equal(derived, true);
        }
      }
    }
  }
});

Deno.test("if fewer than k persons have the third of three values, a standard deviation is that of two values", () => {
  for (const count of [80, 2_500]) {
    const [few, rest] = [0, 7].map((other) =>
      shown(count, (person) => person < other ? 39.4 : person % 2 === 0 ? 36.6 : 37.9)
    );
    // The sums differ in few persons from no other answer, and are exact: the squares beside them would show who is different.
    for (const each of [few, rest]) {
      const { values = [], truth = [] } = each ?? {};
      assert.equal(values[0], truth[0]);
      const [a, b] = [36.6, 37.9];
      isAbout(values, [truth[0] ?? 0, (a + b) * (truth[0] ?? 0) - a * b * count]);
    }
    assert.notEqual(rest?.values?.[1], rest?.truth[1]);
  }
});

Deno.test("sums of many values, and of two that enough persons have, are exact", () => {
  for (
    const valueOf of [
      (person: number) => 30 + (person * 7.3) % 11,
      (person: number) => person % 3 === 0 ? 0.1 : 0.35,
    ]
  ) {
    const { values, truth, derived } = shown(100, valueOf);
    assert.deepEqual(values?.[0], truth[0]);
    assert.equal(derived, false);
  }
});

Deno.test("a sum of two values is computed, too, where squares of another column are decided before it", () => {
  const random = randomNumbers(31);
  const people = new People(SIZE, random);
  const contributors = people.count((person) => person < 60);
  const of = (person: number) => person >= 60 ? 0 : person < 8 ? 0.1 : 0.35;
  const sum = { ...people.statistic(of), contributors, kind: "sum" as const };
  const squares = {
    ...people.statistic((person) => person >= 8 && person < 16 ? 0.5 + person : of(person)),
    contributors,
    kind: "squares" as const,
  };
  const ledger = new Ledger(RULES, people.count(() => true), random);
  for (const statistic of [squares, sum]) {
    const decision = finished(decideOwn(statistic, { values: [squares, sum] }, ledger, RULES));
    assert.deepEqual([decision.kind, "derived" in decision && decision.derived], ["answer", true]);
    assert.ok(decision.kind === "answer");
    isAbout([decision.answer], [60 * 0.35]);
  }
});
