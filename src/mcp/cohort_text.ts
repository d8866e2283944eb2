/** Cohorts as text for a model. */
import type { AttritionCount, Held } from "../cdm/cohorts/mod.ts";
import { OmcpError } from "../errors.ts";
import { counted } from "../lib/counted.ts";
import { showable } from "../lib/text.ts";
import {
  allRules,
  cohortArguments,
  type CohortExpression,
  type EventCriteria,
  eventsOf,
  eventTable,
} from "../omop/cohorts/mod.ts";
import { type ComparedConcepts, comparedItems } from "../omop/query/named_concepts.ts";

/** A cohort that is described. */
export interface DescribedCohort {
  readonly name: string;
  /** What it means: lines. */
  readonly meaning: readonly string[];
  /** Its attrition. */
  readonly counts: readonly AttritionCount[];
  /** Notes on its concepts. */
  readonly notes: readonly string[];
}

/**
 * Describes a cohort: its size, what was understood, and its attrition.
 *
 * @param cohort The cohort.
 * @returns Lines.
 */
export function describeCohort({ name, meaning, counts, notes }: DescribedCohort): readonly string[] {
  const last = counts.at(-1);
  return [
    ...(last === undefined ? [] : [`Cohort ${name}: ${sizeText(last)}`]),
    "Understood:",
    ...meaning.map((line) => `  ${showable(line)}`),
    ...notes.map(showable),
    "",
    "step | persons | persons left out | events",
    ...counts.map(({ label, persons, rows }, at) => {
      const before = counts[at - 1];
      return `${showable(label)} | ${persons} | ${
        before === undefined ? "" : before.persons - persons
      } | ${rows}`;
    }),
  ];
}

/**
 * A cohort's size in words.
 *
 * @param size The last step of its attrition.
 */
export function sizeText({ persons, rows, starts, days }: AttritionCount): string {
  if (starts === undefined) {
    return persons === 0 ? "no persons" : `${counted(persons, "person")} without a known time`;
  }
  const mean = Math.round(days / rows);
  return `${counted(persons, "person")}, ${counted(rows, "period")} of ${
    counted(mean, "day")
  } on average from start to end, ` +
    `starting ${starts[0]} to ${starts[1]}`;
}

/**
 * Circe's ages are up to a year above completed years.
 *
 * @param expression The definition.
 * @returns A note, if it has such an age.
 */
export function ageNotes({ rules }: CohortExpression): string[] {
  return allRules(rules).some((rule) => rule.kind === "age" && !rule.completedYears)
    ? [
      "Note: this age is up to a year above completed years, as in ATLAS; for age by birthday, set completed_years in age.",
    ]
    : [];
}

/**
 * How a cohort that was defined is used.
 *
 * @param name The cohort's name.
 * @param held What holding it did; undefined for one that was only shown.
 * @returns Lines.
 */
export function heldText(name: string, held: Held | undefined): readonly string[] {
  if (held === undefined) return [];
  return [
    "",
    `${
      held.replaced ? "It replaces the earlier cohort of that name." : "The server holds it until it ends."
    } ` +
    `For its periods: query_omop {"table": "cohort", "cohort": "${name}"}; for rows of its persons: ` +
    `"persons": {"with": [{"cohort": "${name}"}]}.`,
    ...(held.dropped === undefined
      ? []
      : [`[The cohort ${held.dropped} was dropped: it had been unused for the longest.]`]),
  ];
}

/**
 * The concepts that a definition compares columns with.
 *
 * @param expression The definition.
 */
export function cohortConcepts(expression: CohortExpression): readonly ComparedConcepts[] {
  const { exit } = expression;
  return [
    ...eventConcepts(eventsOf(expression)),
    ...(exit.kind === "drug era"
      ? comparedItems(exit.concepts.items, { table: "drug_exposure", column: "drug_concept_id" })
      : []),
  ];
}

/**
 * The concepts that criteria of events compare columns with.
 *
 * @param events The criteria.
 */
export function eventConcepts(events: readonly EventCriteria[]): readonly ComparedConcepts[] {
  return events.flatMap(({ table, concepts }) => {
    const { concept } = eventTable(table);
    return concepts === undefined || concept === undefined
      ? []
      : comparedItems(concepts.items, { table, column: concept });
  });
}

const DEFAULTS: ReadonlyMap<string, unknown> = new Map(Object.entries(cohortArguments.parse({})));

/**
 * Finds an argument of a definition that differs from its default.
 *
 * @param definition The arguments.
 * @returns The name of the first; undefined: there is none.
 */
export function givenArgument(definition: Readonly<Record<string, unknown>>): string | undefined {
  const given = Object.entries(definition).find(([name, value]) =>
    JSON.stringify(value) !== JSON.stringify(DEFAULTS.get(name))
  );
  return given?.[0];
}

/**
 * Checks a call without an entry: it shows a cohort, and must not seem to change it.
 *
 * @param definition The arguments.
 * @throws {OmcpError} `invalid_argument`.
 */
export function refuseWithoutEntry(definition: Readonly<Record<string, unknown>>): void {
  if (givenArgument(definition) === undefined) return;
  throw new OmcpError("invalid_argument", "Cannot define the cohort: it has no entry", {
    next:
      'Pass entry, such as [{"table": "condition_occurrence", "concepts": [{"concept_id": 201826, "include_descendants": true}]}].',
  });
}
