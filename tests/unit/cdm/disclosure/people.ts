/** Made-up persons with secret weights, as the database computes them, for tests of the disclosure rules. */
import type { Steps } from "../../../../src/lib/async/in_slices.ts";
import { BUCKETS } from "../../../../src/cdm/disclosure/sketch.ts";
import type { Counted } from "../../../../src/cdm/disclosure/decision.ts";

/** A reproducible source of random numbers (mulberry32). @param seed Any integer. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A random attribute of 1,000 persons: whether each has it.
 *
 * @param random For the choice.
 * @param share How many have it, of 1, on average.
 */
export function attribute(random: () => number, share: number): (person: number) => boolean {
  const has = Array.from({ length: 1_000 }, () => random() < share);
  return (person) => has[person] ?? false;
}

/** Persons 0 to below `size`. */
export class People {
  readonly #buckets: readonly number[];
  readonly #weights: readonly number[];
  readonly size: number;

  /** @param size How many. @param random For their secret buckets and weights. */
  constructor(size: number, random: () => number) {
    this.size = size;
    this.#buckets = Array.from({ length: size }, () => Math.floor(random() * BUCKETS));
    this.#weights = Array.from({ length: size }, () => 1 + Math.floor(random() * 1_048_575));
  }

  /** A statistic. @param contribution What each person adds; 0 for one who is not in the set. */
  statistic(contribution: (person: number) => number): Counted {
    const sketch = new Float64Array(BUCKETS);
    const counts = new Uint8ClampedArray(BUCKETS);
    let value = 0;
    for (let person = 0; person < this.size; person += 1) {
      const part = contribution(person);
      if (part === 0) continue;
      const bucket = this.#buckets[person] ?? 0;
      value += part;
      sketch[bucket] = (sketch[bucket] ?? 0) + part * (this.#weights[person] ?? 0);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    return { value, sketch, counts };
  }

  /** The number of persons in a set. @param has Whether a person is in it. */
  count(has: (person: number) => boolean): Counted {
    return this.statistic((person) => has(person) ? 1 : 0);
  }
}

/** Runs a computation to its end. @param steps The computation. */
export function finished<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/**
 * Runs a computation up to one of the places where it can be ended, and ends it there.
 *
 * @param steps The computation.
 * @param pauses After how many pauses.
 * @returns Whether it had so many; if not, it ran to its end.
 */
export function endedAfter(steps: Steps<unknown>, pauses: number): boolean {
  using ended = steps;
  for (let at = 0; at < pauses; at += 1) if (ended.next().done === true) return false;
  return true;
}
