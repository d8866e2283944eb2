/** What is decided about a number, and the number with what the decision needs. */
import type { PersonCounts, SmallSet } from "./load.ts";
import type { Statistic } from "./sketch.ts";

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
  /** Its sketch; for one that got the decision about another one, what its sketch has more than that one's. */
  readonly sketch: Float64Array;
  readonly decision: Decision;
  /** For a released set of few persons: how many they are, and how many in each bucket. */
  readonly small?: Pick<SmallSet, "persons" | "counts"> | undefined;
  /** It got the decision about another one near it, of this position; -1 for the empty set. */
  readonly echoOf?: number | undefined;
}
