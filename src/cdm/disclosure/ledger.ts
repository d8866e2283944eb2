import type { Steps } from "../../lib/async/in_slices.ts";
import { Echoes, NOBODY } from "./echoes.ts";
import { answerOf, findCombination, type Released, sketchOfCombination } from "./combinations.ts";
import { type Counted, type Decided, type Decision, WITHHELD } from "./decision.ts";
import { Decoder, MOST_DECODED } from "./decode.ts";
import { loadOf, loadOfDifference, MOST_LOAD, type SmallSet, smallSet } from "./load.ts";
import { type DisclosureRules, leastShown, rounded } from "./rules.ts";
import { asSketch, differences, differingFrom, EMPTY, type Numbers, type Statistic } from "./sketch.ts";

/** The earlier decision that a statistic is nearest to. */
interface Near {
  /** Its position; {@link NOBODY} for the empty set. */
  readonly of: number;
  readonly distance: number;
  /** Whether it is that of an echo near the statistic, which the distance is from. */
  readonly isByEcho: boolean;
}

/** How far a statistic has been compared; decisions only get more. */
interface Compared {
  readonly known: number;
  readonly echoes: number;
  readonly near: Near | undefined;
  readonly revealsTooMuch: boolean;
}

/**
 * Everything that was released to one principal, and what may be released next (rules R1, R4, R5, R8). Nobody and each answer have a reach of 2k −
 * 1 persons ({@link leastShown} says why it is not k). A statistic within it gets the same decision, and neither the answer, nor its mark, nor the
 * budget shows whether it differs. If a statistic would reveal so few persons together with earlier answers, it gets the number that these answers
 * give. The ledger also remembers questions at the edge of a reach, so that some persons more or less are not visible there. It holds true numbers
 * only as sketches, and must not be shown.
 */
export class Ledger {
  readonly #rules: DisclosureRules;
  readonly #random: () => number;
  /** All decisions, the oldest first. */
  readonly #known: Decided[] = [];
  readonly #echoes = new Echoes();
  /** Answers that came from the records, which combinations are made of. */
  readonly #released: Released[] = [];
  readonly #small: SmallSet[] = [];
  /** Decodes combinations of the released answers, until there are too many for it. */
  #decoder: Decoder;
  readonly #unrecorded: Decided[] = [];
  /** A table asks for each of its statistics several times. */
  readonly #compared = new WeakMap<Statistic, Compared>();

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
    const decision = { kind: "answer", answer: rounded(population.value, rules), derived: false } as const;
    this.#add({ sketch: population.sketch, decision });
    for (const decided of earlier) {
      const { sketch, echoOf } = decided;
      if (echoOf === undefined) this.#add(decided);
      else this.#echoes.add(echoOf, differences(sketch, EMPTY));
    }
  }

  /** Decisions that {@link recorded} has not been called for. */
  get unrecorded(): readonly Decided[] {
    return [...this.#unrecorded];
  }

  /** Takes note that all decisions are kept elsewhere. */
  recorded(): void {
    this.#unrecorded.length = 0;
  }

  /** Numbers that may still be decided about; those that are near an earlier one are free. */
  get remaining(): number {
    return Math.max(0, this.#rules.budget + 1 - this.#known.length);
  }

  /** Whether so many questions near earlier ones were asked that no further one can be remembered. */
  get isFull(): boolean {
    return this.#echoes.isFull;
  }

  /**
   * The earlier decision that holds for a statistic, too.
   *
   * @param statistic The statistic; it must not change afterwards.
   */
  decided(statistic: Counted): Decision | undefined {
    return this.#near(statistic);
  }

  /**
   * Whether the decision about a statistic takes nothing of the budget.
   *
   * @param statistic The statistic; it must not change afterwards.
   */
  isFree(statistic: Counted): boolean {
    const { near, revealsTooMuch } = this.#compare(statistic);
    return near !== undefined && !revealsTooMuch;
  }

  /**
   * Decides about a number.
   *
   * @param statistic The number.
   * @param persons For a sum of values: the persons who have these, about whom it has been decided. If they got the number of another set, a true
   * sum would show by whom the sets differ, and its mean would be wrong.
   * @returns The decision, which holds from now on. An exception is a new sum about persons who got the number of another set: it is withheld, but
   * nothing is kept, because the other set's own sum would be withheld, too. It yields often.
   */
  *decide(statistic: Counted, persons?: Counted): Steps<Decision> {
    const near = this.#near(statistic, "keep");
    if (near !== undefined) return near;
    const found = yield* this.#classify(statistic);
    const isOwn = found.decision.kind === "answer" && !found.decision.derived;
    return isOwn && persons !== undefined && this.#isRepeated(persons) ? WITHHELD : this.#decide(found);
  }

  /** Whether a set of persons got the number of another set. */
  #isRepeated(persons: Counted): boolean {
    const { near } = this.#compare(persons);
    return near !== undefined && (near.distance > 0 || near.isByEcho);
  }

  /**
   * Sets the decision about a number, unless there is one.
   *
   * @param statistic The number.
   * @param decision The decision.
   * @returns The decision that holds.
   */
  settle(statistic: Counted, decision: Decision): Decision {
    return this.#near(statistic, "keep") ?? this.#decide({ sketch: statistic.sketch, decision });
  }

  #decide(decided: Decided): Decision {
    this.#unrecorded.push(decided);
    return this.#add(decided);
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

  /**
   * The decision about what is nearest to a statistic.
   *
   * @param keep Whether to remember that the statistic got it.
   */
  #near(statistic: Counted, keep?: "keep"): Decision | undefined {
    const { sketch } = statistic;
    const { near, revealsTooMuch } = this.#compare(statistic);
    if (near === undefined) return undefined;
    if (revealsTooMuch) {
      return keep === undefined ? WITHHELD : this.#decide({ sketch, decision: WITHHELD });
    }
    const decision = this.#known[near.of]?.decision ?? WITHHELD;
    if (keep !== undefined && near.distance > 0) {
      this.#keepEcho(near.of, differences(sketch, this.#sketchOf(near.of)), decision);
    }
    return decision;
  }

  /**
   * Whether repeated answers about a few persons would reveal too much about them: which answer a set gets depends on them. What was asked, and
   * what differs from that in very few, keeps its answer.
   */
  #revealsTooMuch(sketch: Float64Array, { of, distance, isByEcho }: Near): boolean {
    const isAnswer = (at: number) => this.#known[at]?.decision.kind === "answer";
    if (isByEcho || distance < this.#farthestInside || !isAnswer(of)) return false;
    const difference = differences(sketch, this.#sketchOf(of));
    return loadOfDifference(difference, this.#echoes.differencesFrom(isAnswer)) > MOST_LOAD;
  }

  /**
   * Remembers that a set got the decision about another one. Deep inside the reach of nobody, some persons more or less change nothing. Inside the
   * reach of an answer they may, because answers between which others are withheld are within each other's reach.
   */
  #keepEcho(of: number, difference: Numbers, decision: Decision): void {
    if (of === NOBODY && difference.buckets.length < this.#farthestInside) return;
    this.#echoes.add(of, difference);
    this.#unrecorded.push({ sketch: asSketch(difference), decision, echoOf: of });
  }

  /** From how many persons on a set is not deep inside a reach. */
  get #farthestInside(): number {
    return this.#rules.k - this.#edge;
  }

  #compare(statistic: Counted): Compared {
    const { sketch } = statistic;
    const [known, echoes] = [this.#known.length, this.#echoes.size];
    const before = this.#compared.get(statistic);
    if (before?.known === known && before.echoes === echoes) return before;
    let near = before?.near;
    for (let at = before?.known ?? NOBODY; at < known; at += 1) {
      const limit = Math.min(this.#reachOf(at, statistic), near?.distance ?? Infinity);
      const distance = differingFrom(sketch, this.#sketchOf(at), limit);
      if (distance < limit) near = { of: at, distance, isByEcho: false };
    }
    const limit = Math.min(this.#edge + 1, near?.distance ?? Infinity);
    const from = { echoes: before?.echoes ?? 0, known: before?.known ?? NOBODY };
    const byEcho = this.#echoes.nearest(sketch, from, limit, {
      end: known,
      sketchOf: (of) => this.#sketchOf(of),
      isExact: (of) => this.#isExact(of),
    });
    if (byEcho !== undefined) near = { ...byEcho, isByEcho: true };
    const revealsTooMuch = near !== undefined && this.#revealsTooMuch(sketch, near);
    const compared = { known, echoes, near, revealsTooMuch };
    this.#compared.set(statistic, compared);
    return compared;
  }

  #sketchOf(at: number): Float64Array {
    return this.#known[at]?.sketch ?? EMPTY;
  }

  /** The difference, in persons, from which on a statistic is not near a decision any more. */
  #reachOf(at: number, { counts }: Counted): number {
    const decision = this.#known[at]?.decision;
    // For a sum, whether enough persons contribute is decided by the number of contributors.
    if (decision === undefined) return counts === undefined ? this.#rules.k : leastShown(this.#rules);
    // An answer that was not the true number shows nothing about the persons of the difference.
    return this.#isExact(at) ? leastShown(this.#rules) : this.#rules.k;
  }

  /** Whether a decision shows the true number; for the empty set, whose number is known, it does. */
  #isExact(at: number): boolean {
    const decision = this.#known[at]?.decision;
    return decision === undefined || (decision.kind === "answer" && !decision.derived);
  }

  /** How many persons more or less cannot be seen at the edge of a reach. Each echo moves the edge by as many, so they are fewer than k. */
  get #edge(): number {
    return Math.floor(this.#rules.k / 2);
  }

  /** Gives the decoder what was released since the last call. It does not get answers as they are read: reading a ledger must be quick. */
  *#catchUp(): Steps<void> {
    if (this.#released.length > MOST_DECODED) {
      // A decoder that is not used any more would only take memory.
      if (this.#decoder.size > 0) this.#decoder = new Decoder(this.#random);
      return;
    }
    for (const { sketch } of this.#released.slice(this.#decoder.size)) {
      yield* this.#decoder.add(sketch);
      yield;
    }
  }

  *#classify(statistic: Counted): Steps<Decided> {
    const { sketch } = statistic;
    const small = smallSet(statistic);
    if (small !== undefined && loadOf(small, this.#small) > MOST_LOAD) return { sketch, decision: WITHHELD };
    yield* this.#catchUp();
    const how = { decoder: this.#decoder, random: this.#random };
    const reach = {
      inside: leastShown(this.#rules),
      edge: this.#edge,
      isAtEdge: (difference: Numbers) => this.#echoes.has(difference, this.#edge + 1),
    };
    const found = yield* findCombination(sketch, this.#released, reach, how);
    if (found !== undefined) {
      // The few persons between are remembered as a set near nobody.
      this.#keepEcho(NOBODY, differences(sketch, sketchOfCombination(found)), WITHHELD);
      return { sketch, decision: { kind: "answer", answer: answerOf(found), derived: true } };
    }
    const answer = rounded(statistic.value, this.#rules);
    return { sketch, decision: { kind: "answer", answer, derived: false }, small };
  }
}
