/** Finds which earlier answers a new statistic could be derived from: rule R4 of the disclosure rules. */
import type { Steps } from "../../lib/async/in_slices.ts";
import { type Decoder, MOST_DECODED } from "./decode.ts";
import { combined, differences, differingBuckets, filledBuckets, type Numbers, type Term } from "./sketch.ts";

/** An answer that was given. */
export interface Released {
  readonly sketch: Float64Array;
  /** What was shown. */
  readonly answer: number;
}

/** A combination of earlier answers. */
export interface Combination {
  readonly parts: readonly { readonly times: number; readonly released: Released }[];
}

/** How far from a combination a statistic may be to get its number. */
export interface Reach {
  /** A statistic that differs in fewer persons than this always gets it. */
  readonly inside: number;
  /** A statistic that differs in up to this many persons more gets it if `isAtEdge` is true. */
  readonly edge: number;
  readonly isAtEdge: (difference: Numbers) => boolean;
}

/** Triples are searched among at most this many answers: the search takes the square of their number. */
const MOST_IN_TRIPLES = 600;
/** Of this many buckets or more, those in which a near combination differs (fewer than 2k − 1) are a few percent. */
const MANY_BUCKETS = 512;

/**
 * Looks for a combination of several answers from which a statistic differs in few persons: sums and differences of two or three answers, and any
 * combination with small rational factors.
 *
 * @param target The statistic's sketch.
 * @param earlier The answers given before; the whole population is one of them.
 * @param reach How far from a combination the target may be.
 * @param how A decoder of all of these, if they are not too many, and numbers from 0 to below 1.
 * @returns The combination; undefined if there is none. It yields often.
 */
export function* findCombination(
  target: Float64Array,
  earlier: readonly Released[],
  { inside, edge, isAtEdge }: Reach,
  { decoder, random }: { readonly decoder: Decoder; readonly random: () => number },
): Steps<Combination | undefined> {
  const limit = inside + edge;
  // Most candidates differ in many of the target's own buckets, which are far fewer than all where the target has few persons.
  const filled = filledBuckets(target);
  // If sets are large, most candidates agree only by chance, in the bucket that found them. A candidate that is near agrees in nearly all buckets.
  const further = filled.length < MANY_BUCKETS ? [] : probes(filled, random, 4);
  function near(parts: Combination["parts"]): boolean {
    if (further.filter((bucket) => !agrees(target, parts, bucket)).length > 1) return false;
    const terms = termsOf(parts);
    return differingBuckets(target, terms, limit, filled) < limit && isWithin(terms);
  }
  function isWithin(terms: readonly Term[]): boolean {
    const distance = differingBuckets(target, terms, limit);
    return distance < inside || (distance < limit && isAtEdge(differences(target, combined(terms))));
  }
  for (const search of [pairs, triples]) {
    for (const parts of search(target, filled, earlier, random)) {
      if (parts === PAUSE) yield;
      else if (near(parts)) return { parts };
    }
  }
  if (decoder.size < earlier.length) return undefined;
  const factors = yield* decoder.find(target, limit, isWithin);
  if (factors === undefined) return undefined;
  return {
    parts: earlier.map((released, at) => ({ times: factors[at] ?? 0, released })).filter(({ times }) =>
      times !== 0
    ),
  };
}

/** The sketch of a combination. @param combination The combination. */
export function sketchOfCombination({ parts }: Combination): Float64Array {
  return combined(termsOf(parts));
}

/** What the answers of a combination give together. @param combination It. */
export function answerOf({ parts }: Combination): number {
  return parts.reduce((sum, { times, released }) => sum + times * released.answer, 0);
}

function termsOf(parts: Combination["parts"]): readonly Term[] {
  return parts.map(({ times, released }) => ({ times, sketch: released.sketch }));
}

function agrees(target: Float64Array, parts: Combination["parts"], bucket: number): boolean {
  let rest = target[bucket] ?? 0;
  for (const { times, released } of parts) rest -= times * (released.sketch[bucket] ?? 0);
  return Math.abs(rest) < 0.5;
}

/** Between candidates, a search lets other work run. */
const PAUSE = undefined;
type Candidates = Generator<Combination["parts"] | typeof PAUSE>;

/** How many buckets a search looks at: a combination that differs in few of them agrees in one of these. */
const PROBES = 2;
/** Of how many the best one is taken. */
const MOST_PROBED = 16;

/** Pairs that agree with the target in a bucket in which it is not empty. */
function* pairs(
  target: Float64Array,
  filled: readonly number[],
  earlier: readonly Released[],
  random: () => number,
): Candidates {
  for (const bucket of probes(filled, random, PROBES)) {
    const table = new Signed(earlier, bucket);
    yield PAUSE;
    for (const first of SIGNS.flatMap((times) => earlier.map((released) => ({ times, released })))) {
      const rest = (target[bucket] ?? 0) - first.times * (first.released.sketch[bucket] ?? 0);
      for (const second of table.get(rest) ?? []) {
        if (second.released !== first.released) yield [first, second];
      }
    }
  }
}

/** Triples that agree with the target in a bucket in which it is not empty. */
function* triples(
  target: Float64Array,
  filled: readonly number[],
  earlier: readonly Released[],
  random: () => number,
): Candidates {
  // The decoder finds these too, and more, but not beyond its own limit.
  if (earlier.length <= MOST_DECODED / 4 || earlier.length > MOST_IN_TRIPLES) return;
  // Two answers without persons in a bucket leave all to the third: each such pair would be a candidate.
  const [bucket] = probes(filled, random, MOST_PROBED).map((bucket) => ({
    bucket,
    empty: earlier.filter(({ sketch }) => sketch[bucket] === 0).length,
  })).sort((a, b) => a.empty - b.empty).map(({ bucket }) => bucket);
  if (bucket === undefined) return;
  const table = new Signed(earlier, bucket);
  const numbers = Float64Array.from(earlier, ({ sketch }) => sketch[bucket] ?? 0);
  const wanted = target[bucket] ?? 0;
  for (const [index, first] of earlier.entries()) {
    for (const one of SIGNS) {
      yield PAUSE;
      const left = wanted - one * (numbers[index] ?? 0);
      for (const other of SIGNS) {
        for (let at = index + 1; at < numbers.length; at += 1) {
          const rest = left - other * (numbers[at] ?? 0);
          // An empty rest would match every set without persons in this bucket; pairs have covered it.
          const thirds = rest === 0 ? undefined : table.get(rest);
          const second = earlier[at];
          if (thirds === undefined || second === undefined) continue;
          for (const third of thirds) {
            yield [{ times: one, released: first }, { times: other, released: second }, third];
          }
        }
      }
    }
  }
}

const SIGNS = [1, -1] as const;

/** Some of the buckets in which the target is not empty. */
function probes(filled: readonly number[], random: () => number, count: number): readonly number[] {
  if (filled.length <= count) return filled;
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(filled[Math.floor(random() * filled.length)] ?? 0);
  return [...chosen];
}

/** An earlier answer, added or subtracted. */
type Part = Combination["parts"][number];

/** Bits that a number is looked up by before the table is: a search asks for millions that are not there. */
const FILTER_BITS = 16;

/** Earlier answers by what they add to a bucket. */
class Signed {
  readonly #table = new Map<number, Part[]>();
  readonly #filter = new Uint8Array(2 ** FILTER_BITS);

  constructor(earlier: readonly Released[], bucket: number) {
    for (const released of earlier) {
      for (const times of SIGNS) {
        const key = times * (released.sketch[bucket] ?? 0);
        const list = this.#table.get(key);
        if (list === undefined) this.#table.set(key, [{ times, released }]);
        else list.push({ times, released });
        this.#filter[placeOf(key)] = 1;
      }
    }
  }

  get(key: number): readonly Part[] | undefined {
    return this.#filter[placeOf(key)] === 1 ? this.#table.get(key) : undefined;
  }
}

function placeOf(key: number): number {
  return key & (2 ** FILTER_BITS - 1);
}
