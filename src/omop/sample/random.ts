/**
 * A small seeded generator of random numbers: xoshiro128** (D. Blackman, S. Vigna, 2018, prng.di.unimi.it,
 * public domain). It uses only integer arithmetic, and sums and products of exact fractions, so that the same seed gives the same bytes
 * on every JavaScript engine. Transcendental functions would differ.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /**
   * Starts one stream of random numbers.
   *
   * @param seed The population's seed.
   * @param stream The number of one of the seed's independent streams, such as a person's number.
   */
  constructor(seed: number, stream: number) {
    const start = mix(seed ^ 0x9e3779b9) ^ stream;
    this.#a = mix(start);
    this.#b = mix(start + 0x9e3779b9);
    this.#c = mix(start + 0x3c6ef372);
    // All zeros is the one state the generator never leaves.
    this.#d = mix(start + 0xdaa66d2b) | 1;
  }

  /**
   * Creates a generator in a given state, for the published test vectors.
   *
   * @param state The four words of the generator, not all zero.
   * @returns A generator in that state.
   */
  static fromState(state: readonly [number, number, number, number]): Random {
    const random = new Random(0, 0);
    [random.#a, random.#b, random.#c, random.#d] = state;
    return random;
  }

  /**
   * The next 32 random bits.
   *
   * @returns An unsigned integer.
   */
  bits(): number {
    const result = Math.imul(rotate(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotate(this.#d, 11);
    return result;
  }

  /**
   * A uniform number.
   *
   * @returns A number from 0 to 1, without 1.
   */
  unit(): number {
    return this.bits() / 2 ** 32;
  }

  /**
   * A uniform integer.
   *
   * @param low The lowest.
   * @param high The highest, included.
   * @returns An integer; all are equally likely.
   */
  integer(low: number, high: number): number {
    return low + Math.floor(this.unit() * (high - low + 1));
  }

  /**
   * Decides with a probability.
   *
   * @param probability From 0 to 1.
   * @returns True with that probability.
   */
  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /**
   * A number that is approximately normally distributed.
   *
   * @param mean The mean.
   * @param deviation The standard deviation.
   * @returns A number within six deviations of the mean: the sum of twelve uniform numbers.
   */
  normal(mean: number, deviation: number): number {
    let sum = -6;
    for (let at = 0; at < 12; at++) sum += this.unit();
    return mean + deviation * sum;
  }

  /**
   * Picks one of several values.
   *
   * @param choices Values with their weights.
   * @returns One of the values, with a probability in proportion to its weight.
   * @throws {RangeError} If there is no choice.
   */
  pick<T>(choices: readonly (readonly [T, number])[]): T {
    let left = this.unit() * choices.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [value, weight] of choices) {
      left -= weight;
      if (left < 0) return value;
    }
    const last = choices.at(-1);
    if (last === undefined) throw new RangeError("Cannot pick: there is no choice");
    return last[0];
  }
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

/** A bit mixer (the finalizer of MurmurHash3, A. Appleby, public domain). */
function mix(value: number): number {
  let word = value >>> 0;
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return (word ^ (word >>> 16)) >>> 0;
}
