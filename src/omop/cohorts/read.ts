/** From the short form to the expression. */
import type * as z from "zod";
import { OmcpError } from "../../errors.ts";
import { argumentPath } from "../../lib/argument_path.ts";
import { eventTable } from "./event_tables.ts";
import type { CohortExit, CohortExpression, CohortRule, EventCriteria } from "./expression.ts";
import {
  type CohortCriterion,
  type CohortDefinition,
  cohortDefinitionSchema,
  type CohortEvent,
} from "./schema.ts";

const SEX = { female: 8532, male: 8507 } as const;

/**
 * Reads a definition in the short form.
 *
 * @param input The definition as received.
 * @returns The definition.
 * @throws {OmcpError} `invalid_argument` with the first problem.
 */
export function readCohort(input: unknown): CohortExpression {
  const parsed = cohortDefinitionSchema.safeParse(input);
  if (!parsed.success) throw unreadable(parsed.error);
  const definition = parsed.data;
  const { age, sex } = definition;
  if (age !== undefined) ordered(age.min, age.max, "age");
  return {
    entry: definition.entry.map((event) => eventOf(event, "entry")),
    observation: {
      priorDays: definition.prior_observation_days,
      postDays: definition.post_observation_days,
    },
    entryLimit: definition.entry_limit,
    rules: [
      ...(age?.min === undefined && age?.max === undefined ? [] : [
        {
          kind: "age" as const,
          min: age.min,
          max: age.max,
          completedYears: age.completed_years === true,
        },
      ]),
      ...(sex === undefined ? [] : [{ kind: "sex" as const, concept: SEX[sex] }]),
      ...(definition.with ?? []).map((criterion) => ruleOf(criterion, "with")),
      ...(definition.without ?? []).map((criterion) => ruleOf(criterion, "without")),
    ],
    limit: definition.limit,
    exit: exitOf(definition.exit),
    censoring: (definition.exit?.censor ?? []).map((event) => eventOf(event, "exit.censor")),
    mergeGapDays: definition.merge_gap_days,
  };
}

function eventOf({ table, concepts, first, dates, value, units }: CohortEvent, where: string): EventCriteria {
  const { concept, valued } = eventTable(table);
  if (concept === undefined && concepts !== undefined) {
    throw new OmcpError("invalid_argument", `Cannot use concepts in ${where}: ${table} has none`, {
      next: "Omit concepts.",
    });
  }
  if (valued !== true && (value !== undefined || units !== undefined)) {
    throw new OmcpError(
      "invalid_argument",
      `Cannot use value or units in ${where}: ${table} has no numbers`,
      {
        next: "Use them with measurement or observation.",
      },
    );
  }
  ordered(dates?.from, dates?.to, `${where}: dates`);
  ordered(value?.min, value?.max, `${where}: value`);
  return {
    table,
    concepts: concepts === undefined ? undefined : { items: concepts },
    // A person dies once, and circe has no such choice there.
    first: first === true && table !== "death",
    dates: dates ?? {},
    value: value ?? {},
    units,
  };
}

function ruleOf(criterion: CohortCriterion, list: "with" | "without"): CohortRule {
  const { window = {}, at_least: least = 1, outside_observation, name, ...event } = criterion;
  ordered(window.from, window.to, `${list}: window`);
  return {
    kind: "events",
    name,
    events: eventOf(event, list),
    window,
    outsideObservation: outside_observation === true,
    count: list === "with" ? { is: "at least", events: least } : { is: "at most", events: least - 1 },
  };
}

function exitOf(exit: CohortDefinition["exit"]): CohortExit {
  const { days_after_start: start, days_after_end: end, drug_era: era } = exit ?? {};
  if ([start, end, era].filter((one) => one !== undefined).length > 1) {
    throw new OmcpError("invalid_argument", "Cannot use exit: it has several ends", {
      next: "Pass one of days_after_start, days_after_end and drug_era; censor may be added.",
    });
  }
  if (start !== undefined) return { kind: "offset", from: "start", days: start };
  if (end !== undefined) return { kind: "offset", from: "end", days: end };
  if (era === undefined) return { kind: "observation" };
  const { concepts, gap_days, extra_days } = era;
  return { kind: "drug era", concepts: { items: concepts }, gapDays: gap_days, extraDays: extra_days };
}

function ordered<T extends number | string>(low: T | undefined, high: T | undefined, what: string): void {
  if (low === undefined || high === undefined || low <= high) return;
  throw new OmcpError("invalid_argument", `Cannot use ${what} from ${low} to ${high}: it is reversed`, {
    next: `Pass the lower one first.`,
  });
}

function unreadable(error: z.ZodError): OmcpError {
  const [issue] = error.issues;
  const path = argumentPath(issue?.path ?? []);
  return new OmcpError(
    "invalid_argument",
    `Cannot read ${path === "" ? "the cohort" : path}: ${issue?.message ?? "unknown"}`,
    {
      next:
        'Write an event as {"table": "condition_occurrence", "concepts": [{"concept_id": 201826, "include_descendants": true}]}; ' +
        'in with and without also "window": {"from": -365, "to": -1} and "at_least": 2.',
    },
  );
}
