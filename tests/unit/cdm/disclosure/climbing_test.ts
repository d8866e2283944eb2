/**
 * An attacker who climbs: known persons leave a group one by one until an answer changes, so that one of them is seen there. Then the target
 * takes this person's place, in one group after another. A target who is seen has the secret bit.
 */
import assert from "node:assert/strict";
import { Ledger } from "../../../../src/cdm/disclosure/ledger.ts";
import { type Cell, releaseTable } from "../../../../src/cdm/disclosure/release.ts";
import { type DisclosureRules, PRESETS } from "../../../../src/cdm/disclosure/rules.ts";
import { repetitions } from "../../../fixtures/load.ts";
import { finished, People, randomNumbers } from "./people.ts";

const SIZE = 600;
const PLACES = 4;
/** Guesses that are called a success: 60 %. */
const CRITERION = 0.6;

type Has = (person: number) => boolean;
/** What is known of every person but the secret. */
interface Known {
  readonly value: number;
  readonly month: number;
}
/** The cells of a question about some persons. */
type Question = (people: People, has: Has, known: readonly Known[]) => readonly Cell[];

const persons: Question = (people, has) => [{ level: 0, keys: [], persons: people.count(has), values: [] }];

const sums: Question = (people, has, known) => {
  const contributors = people.count(has);
  const valueOf = (person: number) => has(person) ? known[person]?.value ?? 0 : 0;
  const [first = 0, second = 0] = known.map((_, person) => valueOf(person)).sort((a, b) => b - a);
  const statistic = people.statistic(valueOf);
  const value = {
    ...statistic,
    contributors,
    sums: { first, second, all: statistic.value },
    kind: "sum" as const,
  };
  return [{ level: 0, keys: [], persons: contributors, values: [value] }];
};

const months: Question = (people, has, known) => [
  ...Array.from({ length: 6 }, (_, month) => ({
    level: 0,
    keys: [String(month)],
    persons: people.count((person) => has(person) && known[person]?.month === month),
    values: [],
  })),
  { level: 1, keys: [null], persons: people.count(has), values: [] },
];

/** As a percentile's questions: how many have a value below each of some edges. */
const belowEdges: Question = (people, has, known) =>
  persons(people, (person) => has(person) && (known[person]?.value ?? 0) < 50, known);

/** As a mean and a standard deviation, of a table one: the sum, and the sum of squares with the squared distances from the mean. */
const moments: Question = (people, has, known) => {
  const contributors = people.count(has);
  const valueOf = (person: number) => has(person) ? known[person]?.value ?? 0 : 0;
  const sum = people.statistic(valueOf);
  const squares = people.statistic((person) => valueOf(person) ** 2);
  const mean = sum.value / contributors.value;
  const parts = (of: (value: number) => number) => {
    const all = known.flatMap(({ value }, person) => has(person) ? [of(value)] : []).sort((a, b) => b - a);
    const [first = 0, second = 0] = all;
    return { first, second, all: all.reduce((total, one) => total + one, 0) };
  };
  const values = [
    { ...sum, contributors, sums: parts((value) => value), kind: "sum" as const },
    { ...squares, contributors, sums: parts((value) => (value - mean) ** 2), kind: "squares" as const },
  ];
  return [{ level: 0, keys: [], persons: contributors, values }];
};

/** As a survival curve: persons with the outcome by some days, and those at risk after them, and all. Values are days. */
const curve: Question = (people, has, known) => [
  ...[20, 40, 60, 80].flatMap((day, at) => [
    { place: 2 * at, within: (value: number) => value <= day && value % 3 > 0 },
    { place: 2 * at + 1, within: (value: number) => value > day },
  ]).map(({ place, within }) => ({
    level: 0,
    keys: [String(place)],
    persons: people.count((person) => has(person) && within(known[person]?.value ?? 0)),
    values: [],
  })),
  { level: 1, keys: [null], persons: people.count(has), values: [] },
];

/** The share of targets whose bit was guessed, and of those who were seen. */
function climbed(
  question: Question,
  { seed, rules = PRESETS.cms, targets = repetitions(12) }: {
    readonly seed: number;
    readonly rules?: DisclosureRules;
    readonly targets?: number;
  },
): { readonly right: number; readonly seen: number } {
  const random = randomNumbers(seed);
  let [right, seen] = [0, 0];
  for (let at = 0; at < targets; at += 1) {
    const people = new People(SIZE, random);
    const known = Array.from({ length: SIZE }, () => ({
      value: 1 + Math.floor(100 * random()),
      month: Math.floor(6 * random()),
    }));
    const target = Math.floor(random() * SIZE);
    const hasTarget = at % 2 === 0;
    const bits = known.map((_, person) => person === target ? hasTarget : random() < 0.5);
    const ledger = new Ledger(rules, people.count(() => true), random);
    const ask = (has: Has): string => {
      const cells = question(people, (person) => has(person) && bits[person] === true, known);
      const groups = cells[0]?.keys.length ?? 0;
      return JSON.stringify(finished(releaseTable(cells, groups, ledger, rules)).cells);
    };
    let isSeen = false;
    for (let place = 0; place < PLACES && !isSeen; place += 1) isSeen = seenAtEdge(ask, target, random);
    if (isSeen) seen += 1;
    if (isSeen === hasTarget) right += 1;
  }
  return { right: right / targets, seen: seen / targets };
}

/** Climbs once, and asks for the target at the edge. */
function seenAtEdge(ask: (has: Has) => string, target: number, random: () => number): boolean {
  const order = Array.from({ length: SIZE }, (_, person) => ({ person, at: random() }))
    .filter(({ person }) => person !== target).sort((a, b) => a.at - b.at).map(({ person }) => person);
  const place = new Map(order.map((person, at) => [person, at]));
  const upTo = (end: number, ...more: readonly number[]): Has => (person) =>
    (place.get(person) ?? SIZE) < end || more.includes(person);
  let low = 80 + Math.floor(200 * random());
  const first = ask(upTo(low));
  let high = low + 120;
  if (ask(upTo(high)) === first) return false;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (ask(upTo(middle)) === first) low = middle;
    else high = middle;
  }
  // With one person more than `low` the answer is another one: now the target is this person.
  return ask(upTo(low, target)) !== ask(upTo(low));
}

const QUESTIONS = {
  persons,
  sums,
  months,
  "values below an edge": belowEdges,
  moments,
  "a survival curve": curve,
};

for (const [name, question] of Object.entries(QUESTIONS)) {
  Deno.test(`who climbs to where an answer changes does not see the target there: ${name}`, () => {
    const { right, seen } = climbed(question, { seed: 31 });
    assert.ok(right < CRITERION, `${100 * right} % guessed, ${100 * seen} % seen`);
  });
}

Deno.test("who climbs sees the target where every answer is exact: the test can fail", () => {
  const { right } = climbed(persons, { seed: 32, rules: { ...PRESETS.cms, k: 1 }, targets: 12 });
  assert.ok(right > 0.9, `${100 * right} %`);
});
