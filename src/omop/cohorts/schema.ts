/** The short form of a cohort's definition. Its words are those of query_omop; what each means is circe's, see docs/cohorts.md. */
import * as z from "zod";
import { OmcpError } from "../../errors.ts";
import { isDeeper } from "../../lib/is_deeper.ts";
import { isRecord } from "../../lib/is_record.ts";
import { conceptIdSchema, conceptSetSchema } from "../concepts/mod.ts";
import { EVENT_TABLE_NAMES } from "./event_tables.ts";

/** The most events of an entry, and criteria of a list. */
const MOST = 20;
const MOST_DAYS = 100_000;
/** Characters of a condition's name. */
export const MOST_NAME = 200;

/** Levels of lists and objects, several for a group: what reads a definition works on the stack. */
const MOST_LEVELS = 100;

/**
 * Refuses what no definition is, before it is read.
 *
 * @param definition The definition as received.
 * @param what What it is, for the error.
 * @returns The definition.
 * @throws {OmcpError} `invalid_argument` if it has more levels of lists and objects than can be read.
 */
export function shallow(definition: unknown, what: string): unknown {
  if (!isDeeper(definition, MOST_LEVELS)) return definition;
  throw new OmcpError(
    "invalid_argument",
    `Cannot read ${what}: it has more than ${MOST_LEVELS} levels of lists and objects`,
    { next: "Put conditions into fewer groups." },
  );
}

/** Objects that {@link readCohort} checks: their schema again, in five places, would cost a model more than it helps. */
const unread = z.record(z.string(), z.unknown());

const days = z.int().min(0).max(MOST_DAYS);
const offset = z.int().min(-MOST_DAYS).max(MOST_DAYS);
const date = z.iso.date();
const limit = z.enum(["first", "last", "all"]);

/** A cohort's name, by which other tools find it. */
export const cohortNameSchema: z.ZodString = z.string()
  .regex(/^[a-z][a-z0-9_]{0,62}$/, "must be lower-case letters, digits and _, a letter first, at most 63");

const OTHER_EVENT = {
  table: z.enum(EVENT_TABLE_NAMES),
  cohort: cohortNameSchema.optional(),
  first: z.boolean().optional(),
  dates: z.strictObject({ from: date.optional(), to: date.optional() }).optional(),
  value: z.strictObject({ min: z.number().optional(), max: z.number().optional() }).optional(),
  units: z.array(conceptIdSchema).min(1).max(50).optional(),
};

const eventSchema = z.strictObject({ ...OTHER_EVENT, concepts: conceptSetSchema.shape.items.optional() });

/** What a criterion has besides its event. */
const CRITERION = {
  at_most: z.int().min(0).max(10_000).optional(),
  window: z.strictObject({ from: offset.optional(), to: offset.optional() }).optional(),
  at_least: z.int().min(1).max(10_000).optional(),
  outside_observation: z.boolean().optional(),
  name: z.string().min(1).max(MOST_NAME).optional(),
};

const criterionSchema = eventSchema.extend(CRITERION);

const ageSchema = z.strictObject({
  min: z.int().min(0).max(150).optional(),
  max: z.int().min(0).max(150).optional(),
  completed_years: z.boolean().optional(),
});
const sexSchema = z.enum(["female", "male"]);
const personSchema = z.strictObject({ age: ageSchema.optional(), sex: sexSchema.optional() });

/** Conditions of which some must hold. */
export interface CohortGroup {
  readonly any_of?: readonly CohortMember[] | undefined;
  readonly all_of?: readonly CohortMember[] | undefined;
  /** With at_least or at_most. */
  readonly of?: readonly CohortMember[] | undefined;
  readonly at_least?: number | undefined;
  readonly at_most?: number | undefined;
  readonly name?: string | undefined;
}

/** What `with`, `without` and a group consist of. */
export type CohortMember = CohortCriterion | CohortPerson | CohortGroup;

/**
 * Whether a condition is a group.
 *
 * @param member The condition.
 */
export function isGroup(member: CohortMember): member is CohortGroup {
  return GROUP_KEYS.some((key) => key in member);
}

const GROUP_KEYS = ["any_of", "all_of", "of"] as const;

/** A member, whose schema depends on what it has: its problems are then those of one schema, not of a choice of three. */
const memberSchema: z.ZodType<CohortMember, unknown> = z.unknown().transform(function read(member, context) {
  const has = (keys: readonly string[]) => isRecord(member) && keys.some((key) => key in member);
  const schema: z.ZodType<CohortMember> = has(GROUP_KEYS)
    ? groupSchema
    : has(["age", "sex"]) && !has(["table"])
    ? personSchema
    : criterionSchema;
  const parsed = schema.safeParse(member);
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues) {
    context.issues.push({ code: "custom", path: [...path], message, input: member });
  }
  return z.NEVER;
});

const members = z.array(memberSchema).min(1).max(MOST).optional();

const groupSchema: z.ZodType<CohortGroup, unknown> = z.lazy(() =>
  z.strictObject({
    any_of: members,
    all_of: members,
    of: members,
    at_least: z.int().min(1).max(MOST).optional(),
    at_most: z.int().min(0).max(MOST).optional(),
    name: CRITERION.name,
  })
);

const LIMITS = {
  entry_limit: limit.default("all").describe(
    "Which of a person's entry events under observation are checked against the conditions.",
  ),
  prior_observation_days: days.default(0).describe(
    "Days under observation that an entry event needs before it.",
  ),
  post_observation_days: days.default(0).describe("And after it."),
  age: ageSchema.optional().describe(
    "Age at entry, both ends included: the year of entry minus year_of_birth, as in ATLAS; with completed_years: true, by birthday.",
  ),
  sex: sexSchema.optional(),
};

const QUALIFIED = {
  limit: limit.default("first").describe(
    "Which of a person's entry events that meet all conditions are kept.",
  ),
  merge_gap_days: days.default(0).describe(
    "Periods of a person that overlap, or whose gap is at most this many days, become one.",
  ),
};

const exitSchema = z.strictObject({
  days_after_start: offset.optional(),
  days_after_end: offset.optional(),
  drug_era: z.strictObject({
    concepts: conceptSetSchema.shape.items,
    gap_days: days.default(30),
    extra_days: days.default(0),
  }).optional(),
  censor: z.array(eventSchema).min(1).max(MOST).optional(),
});

/** A cohort's definition. */
export const cohortDefinitionSchema = z.strictObject({
  entry: z.array(eventSchema).min(1).max(MOST),
  ...LIMITS,
  with: z.array(memberSchema).max(MOST).optional(),
  without: z.array(memberSchema).max(MOST).optional(),
  ...QUALIFIED,
  exit: exitSchema.optional(),
});

/** A definition after validation, defaults filled in. */
export type CohortDefinition = z.infer<typeof cohortDefinitionSchema>;

/** A definition as a caller writes it. */
export type CohortDefinitionInput = z.input<typeof cohortDefinitionSchema>;

/** An event of a definition after validation. */
export type CohortEvent = z.infer<typeof eventSchema>;

/** A criterion of a definition after validation. */
export type CohortCriterion = z.infer<typeof criterionSchema>;

/** A condition on the person after validation. */
export type CohortPerson = z.infer<typeof personSchema>;

/** The arguments of a tool that takes a definition: with `entry`, {@link readCohort} reads them. */
export const cohortArguments = z.strictObject({
  entry: z.array(z.strictObject({
    table: OTHER_EVENT.table.describe(
      "The table of the events. For the periods of a cohort: cohort, with its name in cohort.",
    ),
    cohort: OTHER_EVENT.cohort,
    concepts: conceptSetSchema.shape.items.optional().describe(
      "Their concept set. Default: every event of the table.",
    ),
    first: OTHER_EVENT.first.describe("Only the person's first event of these, before any other condition."),
    dates: OTHER_EVENT.dates.describe(
      "When it starts, both days included. With first, this is a condition on the first event.",
    ),
    value: OTHER_EVENT.value.describe("Range of value_as_number, both ends included."),
    units: OTHER_EVENT.units.describe("Concepts of its unit."),
  })).min(1).max(MOST).optional().describe("Events, each of which enters a person at its start."),
  ...LIMITS,
  with: z.array(z.looseObject({
    table: OTHER_EVENT.table.optional(),
    window: CRITERION.window.describe(
      "Days from the entry to its start: {from: -365, to: -1}; one may be absent.",
    ),
    at_least: CRITERION.at_least.describe("The number of such events; default 1."),
    at_most: CRITERION.at_most,
    any_of: z.array(unread).optional().describe(
      "In place of an event: conditions (as here, {age} or {sex}) of which one must hold. all_of: all of them. of: a number of them, with at_least or at_most.",
    ),
    outside_observation: CRITERION.outside_observation.describe(
      "Also count events outside the observation period of the entry. Default: false.",
    ),
    name: CRITERION.name.describe("Its name in the attrition."),
  })).max(MOST).optional().describe("Events, as in entry, that the person must have around the entry."),
  without: z.array(unread).max(MOST).optional().describe("As with: events that the person must not have."),
  ...QUALIFIED,
  exit: z.strictObject({
    days_after_start: exitSchema.shape.days_after_start.describe("Days after the entry's start."),
    days_after_end: exitSchema.shape.days_after_end.describe("Days after the entry event's end."),
    drug_era: unread.optional().describe(
      "{concepts, gap_days = 30, extra_days = 0}: end of continuous exposure to these drugs.",
    ),
    censor: z.array(unread).optional().describe(
      "Events, as in entry; the first of them ends the person's time earlier.",
    ),
  }).optional().describe(
    "When a person leaves. Default, and at the latest: the end of the observation period.",
  ),
});
