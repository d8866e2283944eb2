/**
 * Questions about a small group whose members are all known but for one secret bit each, through the real ledger, for a solver.
 *
 * Each predicate over the group is asked with and without the bit, as in docs/disclosure.md's "small group".
 */
import { Ledger } from "../../../src/cdm/disclosure/ledger.ts";
import type { DisclosureRules } from "../../../src/cdm/disclosure/rules.ts";
import { finished, People, randomNumbers } from "../../unit/cdm/disclosure/people.ts";

/** What was answered, and what is true. */
interface AskedGroup {
  readonly secrets: readonly boolean[];
  readonly answers: readonly Answer[];
}

/** An answered question: how many of these persons have the bit, or do not have it. */
interface Answer {
  readonly members: readonly number[];
  readonly bit: boolean;
  readonly persons: number;
  /** Whether the number was released for this question: neither repeated nor computed from others. */
  readonly isOwn: boolean;
}

/**
 * @param rules The rules.
 * @param seed An integer.
 * @param options `size`: persons of the group. `others`: persons beside it, of whom nothing is asked. `predicates`: how many.
 */
export function askedGroup(
  rules: DisclosureRules,
  seed: number,
  { size = 80, others = 0, predicates = 400 }: {
    readonly size?: number;
    readonly others?: number;
    readonly predicates?: number;
  } = {},
): AskedGroup {
  const random = randomNumbers(seed);
  const people = new People(size + others, random);
  const secrets = Array.from({ length: size }, () => random() < 0.5);
  const ledger = new Ledger(rules, people.count(() => true), random);
  const answers: Answer[] = [];
  for (let at = 0; at < predicates; at += 1) {
    const share = 0.3 + 0.7 * random();
    const has = secrets.map(() => random() < share);
    const members = secrets.map((_, person) => person).filter((person) => has[person]);
    for (const bit of [true, false]) {
      const { remaining } = ledger;
      const decision = finished(ledger.decide(
        people.count((person) => has[person] === true && secrets[person] === bit),
      ));
      if (decision.kind !== "answer") continue;
      const isOwn = ledger.remaining < remaining && !decision.derived;
      answers.push({ members, bit, persons: decision.answer, isOwn });
    }
  }
  return { secrets, answers };
}
