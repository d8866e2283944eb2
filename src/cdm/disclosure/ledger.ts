import type { Steps } from "../../lib/async/in_slices.ts";
import { type Combination, findCombination, type Released } from "./combinations.ts";
import { Decoder, MOST_DECODED } from "./decode.ts";
import { loadOf, MOST_LOAD, type PersonCounts, SMALL_SET, type SmallSet } from "./load.ts";
import { type DisclosureRules, rounded } from "./rules.ts";
import { differingBuckets, type Statistic } from "./sketch.ts";

/** Whether a statistic is released, and with which answer. */
export type Decision =
  | { readonly kind: "withheld" }
  /** `derived`: computed from earlier answers, because the true number together with them would show a few persons. */
  | { readonly kind: "answer"; readonly answer: number; readonly derived: boolean };

/** A statistic of a set of persons, with what rule R5 needs. */
export interface Counted extends Statistic {
  /** Persons of each bucket, where the statistic is a number of persons. */
  readonly counts?: PersonCounts | undefined;
}

/** Not shown. */
export const WITHHELD: Decision = { kind: "withheld" };

/** A statistic that was decided about. */
export interface Decided {
  readonly sketch: Float64Array;
  readonly decision: Decision;
  /** Of a set of few persons that was released: how many they are, and how many in each bucket. */
  readonly small?: Pick<SmallSet, "persons" | "counts"> | undefined;
}

/**
 * Everything that was released to one principal, and what may be released next (rules R1, R4, R5, R8). A statistic that differs from an
 * earlier one in fewer than k persons, also in none, gets the same decision: neither the answer, nor its mark, nor the budget shows
 * whether it differs. One that together with earlier answers would show fewer than k persons gets the number that these answers give.
 * It holds true numbers only as sketches, and must not be shown.
 */
export class Ledger {
  readonly #rules: DisclosureRules;
  readonly #random: () => number;
  /** All decisions, the oldest first. */
  readonly #known: Decided[] = [];
  /** Answers that came from the records, which combinations are made of. */
  readonly #released: Released[] = [];
  readonly #small: SmallSet[] = [];
  /** Of the released answers, until they are too many for it. */
  #decoder: Decoder;
  /** How many decisions {@link unrecorded} has not to return again. */
  #recorded: number;
  /** Up to which decision each statistic is far from all: a table asks several times, and decisions only get more. */
  readonly #compared = new WeakMap<Statistic, number>();

  /**
   * @param rules The rules in force.
   * @param population All persons of the CDM, whose number everyone may know.
   * @param random Numbers from 0 to below 1 that nobody can foresee.
   * @param earlier Decisions of an earlier ledger for the same persons, the oldest first.
   */
  constructor(
    rules: DisclosureRules,
    population: Statistic,
    random: () => number,
    earlier: readonly Decided[] = [],
  ) {
    this.#rules = rules;
    this.#random = random;
    this.#decoder = new Decoder(random);
    const { sketch } = population;
    this.#add({
      sketch,
      decision: { kind: "answer", answer: rounded(population.value, rules), derived: false },
    });
    for (const decided of earlier) this.#add(decided);
    this.#recorded = this.#known.length;
  }

  /** Decisions that {@link recorded} has not been called for. */
  get unrecorded(): readonly Decided[] {
    return this.#known.slice(this.#recorded);
  }

  /** Takes note that all decisions are kept elsewhere. */
  recorded(): void {
    this.#recorded = this.#known.length;
  }

  /** Numbers that may still be decided about; those that are near an earlier one are free. */
  get remaining(): number {
    return this.#rules.budget + 1 - this.#known.length;
  }

  /**
   * The decision about an earlier statistic that this one differs from in fewer than k persons.
   *
   * @param statistic The statistic; it must not change afterwards.
   */
  decided(statistic: Statistic): Decision | undefined {
    const { k } = this.#rules;
    const from = this.#compared.get(statistic) ?? 0;
    const found = this.#known.findIndex(({ sketch }, at) =>
      at >= from && differingBuckets(statistic.sketch, [{ times: 1, sketch }], k) < k
    );
    this.#compared.set(statistic, found < 0 ? this.#known.length : found);
    return this.#known[found]?.decision;
  }

  /**
   * Decides about a number.
   *
   * @param statistic The number.
   * @returns The decision, which holds from now on. It yields often.
   */
  *decide(statistic: Counted): Steps<Decision> {
    const { k } = this.#rules;
    // Nothing is kept of these: they are too few at any time.
    if (differingBuckets(statistic.sketch, [], k) < k) return WITHHELD;
    return this.decided(statistic) ?? this.#add(yield* this.#classify(statistic));
  }

  /**
   * Sets the decision about a number, unless there is one.
   *
   * @param statistic The number.
   * @param decision The decision.
   * @returns The decision that holds.
   */
  settle(statistic: Statistic, decision: Decision): Decision {
    return this.decided(statistic) ?? this.#add({ sketch: statistic.sketch, decision });
  }

  #add(decided: Decided): Decision {
    const { sketch, decision, small } = decided;
    this.#known.push(decided);
    if (decision.kind === "answer" && !decision.derived) {
      this.#released.push({ sketch, answer: decision.answer });
      if (small !== undefined) this.#small.push({ ...small, sketch });
    }
    return decision;
  }

  /** Lets the decoder take what was released since; later than the answers, because a ledger is read at once. */
  *#catchUp(): Steps<void> {
    if (this.#released.length > MOST_DECODED) {
      // It would take memory for nothing.
      if (this.#decoder.size > 0) this.#decoder = new Decoder(this.#random);
      return;
    }
    for (const { sketch } of this.#released.slice(this.#decoder.size)) {
      this.#decoder.add(sketch);
      yield;
    }
  }

  *#classify(statistic: Counted): Steps<Decided> {
    const { sketch } = statistic;
    const small = smallSet(statistic);
    if (small !== undefined && loadOf(small, this.#small) > MOST_LOAD) return { sketch, decision: WITHHELD };
    yield* this.#catchUp();
    const how = { decoder: this.#decoder, random: this.#random };
    const found = yield* findCombination(sketch, this.#released, this.#rules.k, how);
    if (found !== undefined) return { sketch, decision: derived(found) };
    const answer = rounded(statistic.value, this.#rules);
    return { sketch, decision: { kind: "answer", answer, derived: false }, small };
  }
}

function derived({ parts }: Combination): Decision {
  const answer = parts.reduce((sum, { times, released }) => sum + times * released.answer, 0);
  return { kind: "answer", answer, derived: true };
}

function smallSet({ value, sketch, counts }: Counted): SmallSet | undefined {
  return counts === undefined || value > SMALL_SET ? undefined : { persons: value, counts, sketch };
}
