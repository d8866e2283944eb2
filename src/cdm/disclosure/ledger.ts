import { OmcpError } from "../../errors.ts";
import { type Combination, findCombination, findRepeated, type Released } from "./combinations.ts";
import { loadOf, MOST_LOAD, SMALL_SET, type SmallSet } from "./load.ts";
import { type DisclosureRules, rounded } from "./rules.ts";
import { differingBuckets, digestOf, type Statistic } from "./sketch.ts";

/** Whether a statistic is released, and with which answer. */
export type Decision =
  | { readonly kind: "withheld" }
  /** `derived`: computed from earlier answers, because the true number together with them would show a few persons. */
  | { readonly kind: "answer"; readonly answer: number; readonly derived: boolean };

/** A statistic of a set of persons, with what rule R5 needs. */
export interface Counted extends Statistic {
  /** Persons of each bucket, where the statistic is a number of persons. */
  readonly counts?: Uint16Array | undefined;
}

/** Decisions are kept for as many numbers for each that may be shown. */
const JUDGED_PER_SHOWN = 20;
const WITHHELD: Decision = { kind: "withheld" };

/**
 * Everything that was released to one principal, and what may be released next (rules R1, R4, R5, R8): a statistic that together with earlier
 * answers would show fewer than k persons gets the number that these answers give. Equal questions get equal answers. It holds true
 * numbers only as sketches, and must not be shown.
 */
export class Ledger {
  readonly #rules: DisclosureRules;
  readonly #random: () => number;
  readonly #released: Released[];
  readonly #small: SmallSet[] = [];
  readonly #decisions = new Map<string, Decision>();
  #shown = 0;
  #judged = 0;

  /**
   * @param rules The rules in force.
   * @param population All persons of the CDM, whose number everyone may know.
   * @param random Numbers from 0 to below 1 that nobody can foresee.
   */
  constructor(rules: DisclosureRules, population: Statistic, random: () => number) {
    this.#rules = rules;
    this.#random = random;
    this.#released = [{ sketch: population.sketch, answer: rounded(population.value, rules) }];
  }

  /** Numbers that may still be shown. */
  get remaining(): number {
    return this.#rules.budget - this.#shown;
  }

  /**
   * Begins a table. What it needs, and what it costs, depends on nothing that was decided before: otherwise the budget would tell a set
   * that was answered before from one of a few persons less.
   *
   * @param numbers The most that the table can show, margins included.
   * @throws {OmcpError} `capacity` if so many may not be shown; nothing was decided.
   */
  begin(numbers: number): void {
    if (
      this.remaining < Math.max(numbers, 1) || this.#judged + numbers > JUDGED_PER_SHOWN * this.#rules.budget
    ) {
      throw new OmcpError(
        "capacity",
        `The table needs more numbers than the ${this.remaining} that may still be released`,
        {
          state: "Nothing was released.",
          next: "Ask for fewer groups or statistics, or repeat an earlier query: repeated ones stay free.",
        },
      );
    }
    this.#judged += numbers;
  }

  /** Takes what a table shows from the budget; one that shows nothing costs 1. @param numbers What it shows, margins included. */
  spend(numbers: number): void {
    this.#shown += Math.max(numbers, 1);
  }

  /** The earlier decision about a statistic. @param statistic The statistic. */
  decided(statistic: Statistic): Decision | undefined {
    return this.#decisions.get(digestOf(statistic.sketch));
  }

  /**
   * Decides about a number.
   *
   * @param statistic The number.
   * @returns The decision, which holds from now on.
   */
  decide(statistic: Counted): Decision {
    return this.decided(statistic) ?? this.#keep(statistic, this.#classify(statistic));
  }

  /**
   * Sets the decision about a number, unless there is one.
   *
   * @param statistic The number.
   * @param decision The decision.
   * @returns The decision that holds.
   */
  settle(statistic: Statistic, decision: Decision): Decision {
    return this.decided(statistic) ?? this.#keep(statistic, decision);
  }

  #keep(statistic: Statistic, decision: Decision): Decision {
    this.#decisions.set(digestOf(statistic.sketch), decision);
    return decision;
  }

  #classify(statistic: Counted): Decision {
    const { k } = this.#rules;
    if (differingBuckets(statistic.sketch, [], k) < k) return WITHHELD;
    // What repeats one answer tells nothing new: withheld, it would differ from an equal set, which is answered.
    const repeated = findRepeated(statistic.sketch, this.#released, k);
    if (repeated !== undefined) return derived(repeated);
    const set = smallSet(statistic);
    if (set !== undefined && loadOf(set, this.#small) > MOST_LOAD) return WITHHELD;
    const found = findCombination(statistic.sketch, this.#released, k, this.#random);
    if (found !== undefined) return derived(found);
    const answer = rounded(statistic.value, this.#rules);
    this.#released.push({ sketch: statistic.sketch, answer });
    if (set !== undefined) this.#small.push(set);
    return { kind: "answer", answer, derived: false };
  }
}

function derived({ parts }: Combination): Decision {
  if (parts.length === 0) return WITHHELD;
  const answer = parts.reduce((sum, { times, released }) => sum + times * released.answer, 0);
  return { kind: "answer", answer, derived: true };
}

function smallSet({ value, sketch, counts }: Counted): SmallSet | undefined {
  return counts === undefined || value > SMALL_SET ? undefined : { persons: value, counts, sketch };
}
