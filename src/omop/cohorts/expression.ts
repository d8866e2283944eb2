/**
 * A cohort's definition as circe's expression has it, as far as the short form needs it: what the SQL, the words and circe's JSON are
 * made from. A reader of circe's JSON would make the same values.
 */
import type { RawBuilder } from "kysely";
import type { ConceptSet } from "../concepts/mod.ts";
import type { EventTableName } from "./event_tables.ts";

/** The concepts of gender_concept_id that a definition has words for. */
export const SEX = { female: 8532, male: 8507 } as const;

/** Which of a person's events are kept, by start. */
export type EventLimit = "first" | "last" | "all";

/** Events of one table: a criterion of circe's. */
export interface EventCriteria {
  readonly table: EventTableName;
  /** With the table cohort: the cohort, as it was when this definition was made. */
  readonly cohort?: { readonly name: string; readonly rows: RawBuilder<unknown> } | undefined;
  /** Undefined: every event of the table. */
  readonly concepts: ConceptSet | undefined;
  /** Only the person's first event of the concept set, before every other condition. */
  readonly first: boolean;
  /** When it starts, YYYY-MM-DD, both days included. */
  readonly dates: { readonly from?: string | undefined; readonly to?: string | undefined };
  /** Range of value_as_number, both ends included. */
  readonly value: { readonly min?: number | undefined; readonly max?: number | undefined };
  /** Concepts of its unit; undefined: any, or none. */
  readonly units: readonly number[] | undefined;
}

/** A condition on an entry event. */
export type CohortRule =
  | {
    readonly kind: "events";
    readonly name: string | undefined;
    readonly events: EventCriteria;
    /** Days from the entry's start to the event's; undefined: no limit on that side. */
    readonly window: { readonly from?: number | undefined; readonly to?: number | undefined };
    /** Whether events count that lie outside the entry's observation period. */
    readonly outsideObservation: boolean;
    /** How many events. */
    readonly count: RuleCount;
  }
  | {
    readonly kind: "age";
    readonly min: number | undefined;
    readonly max: number | undefined;
    /** Whether birthdays count. Otherwise an age is a difference of years, as in circe, which has no other. */
    readonly completedYears: boolean;
  }
  | { readonly kind: "sex"; readonly concept: number }
  | RuleGroup;

/** A condition on a number. */
export interface RuleCount {
  readonly is: "at least" | "at most";
  readonly number: number;
}

/** A condition on how many of several conditions hold. Circe: a group, with the type ALL, ANY, AT_LEAST or AT_MOST. */
export interface RuleGroup {
  readonly kind: "group";
  readonly name: string | undefined;
  /** How many of the rules; at least as many as there are: all. */
  readonly count: RuleCount;
  readonly rules: readonly CohortRule[];
}

/** When a person leaves the cohort, besides the end of observation. */
export type CohortExit =
  | { readonly kind: "observation" }
  | { readonly kind: "offset"; readonly from: "start" | "end"; readonly days: number }
  | {
    readonly kind: "drug era";
    readonly concepts: ConceptSet;
    /** The most days between two exposures of an era. */
    readonly gapDays: number;
    /** Days added to the end of each exposure. */
    readonly extraDays: number;
  };

/** A cohort's definition. */
export interface CohortExpression {
  readonly entry: readonly EventCriteria[];
  readonly observation: { readonly priorDays: number; readonly postDays: number };
  /** Applies to entry events under observation, before the rules. Circe: PrimaryCriteriaLimit. */
  readonly entryLimit: EventLimit;
  /** All must hold. Circe: InclusionRules. */
  readonly rules: readonly CohortRule[];
  /** Applies to entry events that meet all rules. Circe: ExpressionLimit. */
  readonly limit: EventLimit;
  readonly exit: CohortExit;
  /** Events that end a person's time earlier. Circe: CensoringCriteria. */
  readonly censoring: readonly EventCriteria[];
  /** Periods of a person whose gap is at most this many days become one. Circe: CollapseSettings.EraPad. */
  readonly mergeGapDays: number;
}

/**
 * All events that a definition looks for.
 *
 * @param expression The definition.
 * @returns Those of the entry first.
 */
export function eventsOf({ entry, rules, censoring }: CohortExpression): readonly EventCriteria[] {
  const ruled = allRules(rules).flatMap((rule) => rule.kind === "events" ? [rule.events] : []);
  return [...entry, ...ruled, ...censoring];
}

/**
 * The rules, with the members of groups of any depth.
 *
 * @param rules The rules of a definition.
 */
export function allRules(rules: readonly CohortRule[]): readonly CohortRule[] {
  return rules.flatMap((rule) => rule.kind === "group" ? [rule, ...allRules(rule.rules)] : [rule]);
}
