/** Attacks on the ledger: each tries to learn a secret bit of one person whose other attributes are all known. */
import assert from "node:assert/strict";
import { Ledger } from "../../../../src/cdm/disclosure/ledger.ts";
import { leastShown, PRESETS } from "../../../../src/cdm/disclosure/rules.ts";
import { attribute, finished, People, randomNumbers } from "./people.ts";

const SIZE = 1_000;
const TARGETS = 150;
type Attack = (
  ask: (has: (person: number) => boolean) => number | undefined,
  target: number,
) => number | undefined;

/** Runs an attack on many targets. Returns the percentage of secrets guessed, and how many were learned for certain and wrongly. */
function guessed(
  attack: (random: () => number) => Attack,
  { targets = TARGETS, preset = "cms", seed = 1, statistic = "persons" }: {
    readonly targets?: number;
    readonly preset?: keyof typeof PRESETS;
    readonly seed?: number;
    readonly statistic?: "persons" | "records";
  } = {},
): number {
  const random = randomNumbers(seed);
  let right = 0;
  for (let at = 0; at < targets; at += 1) {
    const people = new People(SIZE, random);
    const secret = Array.from({ length: SIZE }, () => random() < 0.5);
    const records = Array.from(
      { length: SIZE },
      () => statistic === "persons" ? 1 : 1 + Math.floor(random() * 4),
    );
    const target = Math.floor(random() * SIZE);
    const ledger = new Ledger(PRESETS[preset], people.count(() => true), random);
    const ask = (has: (person: number) => boolean) => {
      const decision = finished(ledger.decide(
        people.statistic((person) => has(person) && secret[person] === true ? records[person] ?? 0 : 0),
      ));
      return decision.kind === "answer" ? decision.answer : undefined;
    };
    const found = attack(random)(ask, target);
    const guess = found === undefined ? random() < 0.5 : found > 0.5;
    if (guess === secret[target]) right += 1;
  }
  return 100 * right / targets;
}

/** Within five standard deviations of a coin, so that a wrong ledger fails and an honest one practically never does. */
function isChance(percent: number, targets = TARGETS): void {
  const bound = 5 * 50 / Math.sqrt(targets);
  assert.ok(Math.abs(percent - 50) <= bound, `guessed ${percent} %`);
}

/** A difference of two answers; undefined if one is withheld. */
function minus(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a - b;
}

const pair = (random: () => number): Attack => (ask, target) => {
  const group = attribute(random, 0.3);
  return minus(
    ask((person) => group(person) || person === target),
    ask((person) => group(person) && person !== target),
  );
};

const tracker = (random: () => number): Attack => (ask, target) => {
  const side = attribute(random, 0.5);
  const a = (person: number) => person === target || side(person);
  const b = (person: number) => person === target || !side(person);
  const [inA, inB, inBoth] = [ask(a), ask(b), ask((person) => a(person) || b(person))];
  return inA === undefined || inB === undefined ? undefined : minus(inA + inB, inBoth);
};

/** Three sets that only the target is in: inclusion and exclusion over their unions. */
const sevenTerms = (random: () => number): Attack => (ask, target) => {
  const place = Array.from({ length: SIZE }, () => Math.floor(random() * 7));
  const part = (bit: number) => (person: number) =>
    person === target || (((place[person] ?? 0) >> bit) & 1) === 1;
  const sets = [part(0), part(1), part(2)];
  let sum = 0;
  for (let mask = 1; mask < 8; mask += 1) {
    const chosen = sets.filter((_, bit) => ((mask >> bit) & 1) === 1);
    const answer = ask((person) => chosen.some((has) => has(person)));
    if (answer === undefined) return undefined;
    sum += (chosen.length % 2 === 1 ? 1 : -1) * answer;
  }
  return sum;
};

/** The same pair in many groups, averaged. */
const averaged = (times: number) => (random: () => number): Attack => (ask, target) => {
  const found: number[] = [];
  for (let at = 0; at < times; at += 1) {
    const difference = pair(random)(ask, target);
    if (difference !== undefined) found.push(difference);
  }
  return found.length === 0 ? undefined : found.reduce((sum, each) => sum + each, 0) / found.length;
};

Deno.test("a pair of sets that differ in one person reveals nothing about that person", () => {
  isChance(guessed(pair));
  isChance(guessed(pair, { preset: "ohdsi", seed: 2 }));
  isChance(guessed(pair, { statistic: "records", seed: 3 }));
});

Deno.test("a tracker of two sets and their union reveals nothing", () => {
  isChance(guessed(tracker, { seed: 4 }));
  isChance(guessed(tracker, { seed: 5, statistic: "records" }));
  isChance(guessed(tracker, { seed: 6, preset: "opensafely" }));
});

Deno.test("inclusion and exclusion over seven unions reveals nothing", () => {
  isChance(guessed(sevenTerms, { seed: 7 }));
  isChance(guessed(sevenTerms, { seed: 8, statistic: "records" }));
});

Deno.test("averaging many pairs reveals nothing", () => {
  isChance(guessed(averaged(20), { seed: 9, targets: 60 }), 60);
});

Deno.test("the attacks find the secret where answers are exact: the tests can fail", () => {
  const naive = (attack: (random: () => number) => Attack, seed: number) => {
    const random = randomNumbers(seed);
    let right = 0;
    for (let at = 0; at < 20; at += 1) {
      const secret = Array.from({ length: SIZE }, () => random() < 0.5);
      const target = Math.floor(random() * SIZE);
      const found = attack(random)(
        (has) => secret.filter((one, person) => one && has(person)).length,
        target,
      );
      if ((found ?? 0) > 0.5 === secret[target]) right += 1;
    }
    return right;
  };
  assert.deepEqual([naive(pair, 1), naive(tracker, 2), naive(sevenTerms, 3), naive(averaged(20), 4)], [
    20,
    20,
    20,
    20,
  ]);
});

Deno.test("a set that differs from an earlier one in few persons, or in none, gets the same decision and costs nothing", () => {
  const random = randomNumbers(11);
  const people = new People(SIZE, random);
  const ledger = new Ledger(PRESETS.cms, people.count(() => true), random);
  const decide = (
    has: (person: number) => boolean,
  ) => [finished(ledger.decide(people.count(has))), ledger.remaining];
  const set = [{ kind: "answer", answer: 400, derived: false }, 1_999];
  assert.deepEqual(decide((person) => person < 400), set);
  for (const end of [400, 399, 390, 409]) assert.deepEqual(decide((person) => person < end), set);
  // The rest of all: computed from the two, whatever few persons are missing.
  const rest = [{ kind: "answer", answer: 600, derived: true }, 1_998];
  for (const from of [405, 400, 401]) assert.deepEqual(decide((person) => person >= from), rest);
  // A set that is withheld because too much was revealed is withheld without one of its persons, too.
  const small = new Ledger(PRESETS.cms, people.count(() => true), random);
  let withheld: ((person: number) => boolean) | undefined;
  for (let at = 0; at < 60 && withheld === undefined; at += 1) {
    const half = attribute(random, 0.5);
    const has = (person: number) => person < 60 && half(person);
    if (finished(small.decide(people.count(has))).kind === "withheld") withheld = has;
  }
  assert.ok(withheld !== undefined);
  const { remaining } = small;
  const one = Array.from({ length: SIZE }, (_, person) => person).find(withheld);
  for (const has of [withheld, (person: number) => withheld(person) && person !== one]) {
    assert.deepEqual(finished(small.decide(people.count(has))), { kind: "withheld" });
  }
  assert.equal(small.remaining, remaining);
});

Deno.test("a set of fewer than 2k − 1 persons looks like a set without persons", () => {
  const random = randomNumbers(12);
  const people = new People(SIZE, random);
  for (const [preset, rules] of Object.entries(PRESETS)) {
    const least = leastShown(rules);
    const ledger = new Ledger(PRESETS[preset as keyof typeof PRESETS], people.count(() => true), random);
    assert.deepEqual(finished(ledger.decide(people.count(() => false))), { kind: "withheld" }, preset);
    assert.deepEqual(
      finished(ledger.decide(people.count((person) => person < least - 1))),
      { kind: "withheld" },
      preset,
    );
    const enough = finished(
      ledger.decide(people.count((person) => person >= 500 && person < 500 + 2 * least)),
    );
    assert.equal(enough.kind, "answer", preset);
  }
});

Deno.test("a small group cannot be reconstructed with more and more overlapping groups", () => {
  const random = randomNumbers(13);
  const people = new People(SIZE, random);
  const ledger = new Ledger(PRESETS.cms, people.count(() => true), random);
  for (let at = 0; at < 60; at += 1) {
    const half = attribute(random, 0.5);
    finished(ledger.decide(people.count((person) => person < 60 && half(person))));
  }
  // Those that repeat another answer reveal nothing new.
  const answers =
    ledger.unrecorded.filter(({ decision, echoOf }) => decision.kind === "answer" && echoOf === undefined)
      .length;
  assert.ok(answers > 0 && answers < 12, `${answers} of 60 predicates over 60 persons were answered`);
});

/** How far the secret bits of a group are known from the numbers of 400 predicates over it: 0 as by a coin, 1 all of them. */
function reconstructed(seed: number, { size = 80, isBeside = false } = {}): number {
  const random = randomNumbers(seed);
  const people = new People(SIZE, random);
  const secret = attribute(random, 0.5);
  const ledger = new Ledger(PRESETS.cms, people.count(() => true), random);
  const score = new Float64Array(size);
  for (let at = 0; at < 400; at += 1) {
    const member = attribute(random, 0.3 + 0.7 * random());
    const has = (person: number) => person < size ? member(person) && secret(person) : isBeside;
    const decision = finished(ledger.decide(people.count(has)));
    if (decision.kind !== "answer") continue;
    const members = score.map((_, person) => Number(member(person)));
    const count = members.reduce((sum, one) => sum + one, 0);
    const more = decision.answer - (isBeside ? SIZE - size : 0) - count / 2;
    // Members of groups with more bits than half are likelier to have theirs.
    score.forEach((before, person) =>
      score[person] = before + more * ((members[person] ?? 0) - count / size)
    );
  }
  const right = score.filter((each, person) => each > 0 === secret(person)).length;
  return 2 * right / size - 1;
}

Deno.test("repeated answers do not reconstruct a small group, alone or beside a large one", () => {
  const known = [false, true].flatMap((isBeside) =>
    [21, 22, 23].map((seed) => reconstructed(seed, { isBeside }))
  );
  // Free of any number, repeated answers would tell a third; the few numbers that are not repeated tell a tenth by this guess.
  assert.ok(known.reduce((sum, one) => sum + one) < 0.25 * known.length, `${known}`);
});
