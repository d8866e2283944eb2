/**
 * An attacker who climbs: the same few known persons are added to one large group after another, with the target and without, until they are
 * just few enough without and enough with.
 */
import assert from "node:assert/strict";
import { Ledger } from "../../../../src/cdm/disclosure/ledger.ts";
import { PRESETS } from "../../../../src/cdm/disclosure/rules.ts";
import { repetitions } from "../../../fixtures/load.ts";
import { attribute, finished, People, randomNumbers } from "./people.ts";

const SIZE = 1_000;
/** Of these, about 2k − 1 have the secret bit. */
const FEW = 38;
const PLACES = 14;
type Has = (person: number) => boolean;
/** The number of persons with the bit in a set; undefined if it is withheld. */
type Ask = (has: Has) => number | undefined;
/** How many more persons with the bit a large group has with a few others than without them. */
type Difference = (ask: Ask, large: Has, few: Has, random: () => number) => number | undefined;

const atOnce: Difference = (ask, large, few) => {
  const more = ask((person) => large(person) || few(person));
  const less = ask(large);
  return more === undefined || less === undefined ? undefined : more - less;
};

/** The larger group is only asked for in two halves. */
const inHalves: Difference = (ask, large, few, random) => {
  const half = attribute(random, 0.5);
  const one = ask((person) => half(person) && (large(person) || few(person)));
  const other = ask((person) => !half(person) && (large(person) || few(person)));
  const less = ask(large);
  return one === undefined || other === undefined || less === undefined ? undefined : one + other - less;
};

/** How many targets showed: something was seen with them that was not seen without them. All of these have the bit. */
function seen(difference: Difference, seed: number): number {
  const random = randomNumbers(seed);
  let targets = 0;
  for (let at = 0; at < repetitions(6); at += 1) {
    const people = new People(SIZE, random);
    const [secret, target] = [attribute(random, 0.5), Math.floor(random() * SIZE)];
    const ledger = new Ledger(PRESETS.cms, people.count(() => true), random);
    const ask: Ask = (has) => {
      const decision = finished(ledger.decide(people.count((person) => has(person) && secret(person))));
      return decision.kind === "answer" ? decision.answer : undefined;
    };
    let isSeen = false;
    for (let place = 0; place < PLACES; place += 1) {
      const order = Array.from({ length: SIZE }, (_, person) => ({ person, at: random() }))
        .filter(({ person }) => person !== target).sort((a, b) => a.at - b.at);
      const few = new Set(order.slice(0, FEW).map(({ person }) => person));
      const others = (): Has => {
        const has = attribute(random, 0.5);
        return (person) => person !== target && !few.has(person) && has(person);
      };
      if (difference(ask, others(), (person) => few.has(person), random) !== 0) continue;
      const more = difference(ask, others(), (person) => few.has(person) || person === target, random);
      if (more !== undefined && more !== 0) isSeen = true;
    }
    if (isSeen) targets += 1;
  }
  return targets;
}

Deno.test("few persons beside one large group, and with one more beside another, look alike", () => {
  assert.equal(seen(atOnce, 1), 0);
});

Deno.test("a set of few persons, and the same set with one more, look alike, also beside a group that is known as a sum of others", () => {
  assert.equal(seen(inHalves, 2), 0);
});
