/**
 * Attacks on the threshold: each looks for a question whose answer changes when a target joins the group, by trying groups whose sizes
 * happen to lie at a boundary. The attacker knows every person's attributes but the secret, and asks by them.
 */
import assert from "node:assert/strict";
import { Ledger } from "../../../../src/cdm/disclosure/ledger.ts";
import { type Cell, releaseTable } from "../../../../src/cdm/disclosure/release.ts";
import { type PresetName, PRESETS } from "../../../../src/cdm/disclosure/rules.ts";
import { finished, People, randomNumbers } from "./people.ts";

const SIZE = 2_000;
const TARGETS = 8;
/** Groups that an attacker tries for each target. */
const TRIES = 15;

type Has = (person: number) => boolean;
/** What is shown of the persons with the secret in a group, undefined for an absent group; and whether that costs something. */
type Ask = (has: Has) => { readonly shown: string | undefined; readonly isFree: boolean };
interface Attacker {
  readonly ask: Ask;
  readonly target: number;
  readonly random: () => number;
  readonly k: number;
}
/** Whether the target has the secret, where the attacker could find out. */
type Attack = (attacker: Attacker) => boolean | undefined;

/** Runs an attack on many targets. Returns of how many the attacker learned something, and of how many of these it was true. */
function learned(attack: Attack, { preset = "cms", seed = 1, records = false }: {
  readonly preset?: PresetName;
  readonly seed?: number;
  readonly records?: boolean;
} = {}): { readonly claims: number; readonly right: number } {
  const random = randomNumbers(seed);
  const rules = { ...PRESETS[preset], budget: 100_000 };
  let [claims, right] = [0, 0];
  for (let at = 0; at < TARGETS; at += 1) {
    const people = new People(SIZE, random);
    const secret = Array.from({ length: SIZE }, () => random() < 0.5);
    const many = Array.from({ length: SIZE }, () => 1 + Math.floor(random() * 3));
    const target = Math.floor(random() * SIZE);
    const ledger = new Ledger(rules, people.count(() => true), random);
    const ask = (has: Has) => {
      const member = (person: number) => has(person) && secret[person] === true;
      const persons = people.count(member);
      const { value: sum, sketch } = people.statistic((person) => member(person) ? many[person] ?? 0 : 0);
      const cell: Cell = {
        level: 0,
        keys: [],
        persons,
        values: records ? [{ value: sum, sketch, contributors: persons }] : [],
      };
      const { remaining } = ledger;
      const [shown] = finished(releaseTable(persons.value === 0 ? [] : [cell], 0, ledger, rules)).cells;
      return { shown: shown && JSON.stringify(shown), isFree: ledger.remaining === remaining };
    };
    const found = attack({ ask, target, random, k: rules.k });
    if (found === undefined) continue;
    claims += 1;
    if (found === secret[target]) right += 1;
  }
  return { claims, right };
}

/** Around `size` persons, about half of them with the secret, without the target. */
function group({ random, target }: Attacker, size: number, from = 0, to = SIZE): Has {
  const chosen = new Set(
    Array.from({ length: size }, () => from + Math.floor(random() * (to - from))),
  );
  chosen.delete(target);
  return (person) => chosen.has(person);
}

const either = (...sets: readonly Has[]): Has => (person) => sets.some((has) => has(person));

/** The first pair of questions with and without the target that differ. */
function firstChange(
  { ask, target }: Attacker,
  sets: () => readonly [before: readonly Has[], set: Has],
  first: "without" | "with",
): boolean | undefined {
  const isTarget: Has = (person) => person === target;
  for (let at = 0; at < TRIES; at += 1) {
    const [before, set] = sets();
    for (const has of before) ask(has);
    const pair = [set, either(set, isTarget)];
    if (first === "with") pair.reverse();
    const [one, other] = pair.map(ask);
    // Where the person is not in it, the second question is the first one again.
    if (one?.shown !== other?.shown || other?.isFree !== true) return true;
  }
  // Never seeing a change speaks against the secret; it is not proof.
  return undefined;
}

const half: Has = (person) => person % 2 === 0;
const SHAPES: Readonly<Record<string, (attacker: Attacker) => () => readonly [readonly Has[], Has]>> = {
  "a group at the threshold": (a) => () => [[], group(a, 2 * a.k)],
  "a group at twice the threshold": (a) => () => [[], group(a, 4 * a.k)],
  "a group that grew past the threshold": (a) => () => {
    const small = group(a, 3 * a.k);
    return [[small], either(small, group(a, 2 * a.k))];
  },
  "few persons beside a large group": (a) => () => [[half], either(half, group(a, 4 * a.k))],
  "some more persons beside a large group": (a) => () => [[half], either(half, group(a, 8 * a.k))],
  "a large group that grew": (a) => () => {
    const more = either(half, group(a, 6 * a.k));
    return [[half, more], either(more, group(a, 4 * a.k))];
  },
  "few persons beside a large group, after many such questions about them": (a) => {
    const persons = Array.from({ length: 4 * a.k }, () => 1 + 2 * Math.floor(a.random() * (SIZE / 2)));
    const some = (part: number) => {
      const chosen = new Set(persons.filter((person) => person !== a.target && a.random() < part));
      return either(half, (person) => chosen.has(person));
    };
    return () => [[half, some(0.5), some(0.5), some(0.5)], some(0.25 + 0.1 * a.random())];
  },
  "few persons missing in a large group": (a) => () => {
    const missing = group(a, 4 * a.k);
    return [[half], (person) => half(person) && !missing(person) && person !== a.target];
  },
};

/**
 * Groups whose number is known, and the same without the target: the smallest numbers that are shown. Where the group without the target
 * is absent, the target is in it.
 */
const knownGroup = (beside: (attacker: Attacker) => Has): Attack => (attacker) => {
  const { ask, target, k } = attacker;
  const large = beside(attacker);
  ask(large);
  for (let at = 0; at < TRIES; at += 1) {
    const members = group(attacker, 2 * k + Math.floor(attacker.random() * 2 * k));
    const set = either(large, members, (person) => person === target);
    const { shown } = ask(set);
    if (shown === undefined) continue;
    if (ask((person) => set(person) && (person !== target || large(person))).shown !== shown) return true;
  }
  return undefined;
};

const SETTINGS = [{ seed: 1 }, { seed: 2, records: true }, { seed: 3, preset: "ohdsi" }] as const;

function learnsNothing(attack: Attack): void {
  for (const how of SETTINGS) {
    const { claims, right } = learned(attack, how);
    assert.equal(
      claims,
      0,
      `${claims} of ${TARGETS} secrets learned, ${right} of them right (${JSON.stringify(how)})`,
    );
  }
}

Deno.test("one person more or less changes no answer, whichever state is asked about first, for groups of any size, alone and beside others", async (t) => {
  for (const [shape, sets] of Object.entries(SHAPES)) {
    for (const first of ["without", "with"] as const) {
      await t.step(
        `${shape}, ${first} the person first`,
        () => learnsNothing((a) => firstChange(a, sets(a), first)),
      );
    }
  }
});

Deno.test("a group whose number is known does not show whether a person is in it", async (t) => {
  await t.step("alone", () => learnsNothing(knownGroup(() => () => false)));
  await t.step("beside a large group", () => learnsNothing(knownGroup(() => half)));
});
