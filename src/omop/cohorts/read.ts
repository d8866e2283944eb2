/** From the short form to the expression. */
import type { RawBuilder } from "kysely";
import type * as z from "zod";
import { OmcpError } from "../../errors.ts";
import { argumentPath } from "../../lib/argument_path.ts";
import { refuseOnlyExcludes } from "../concepts/mod.ts";
import { eventTable } from "./event_tables.ts";
import {
  type CohortExit,
  type CohortExpression,
  type CohortRule,
  type EventCriteria,
  eventsOf,
  type RuleCount,
  SEX,
} from "./expression.ts";
import {
  type CohortCriterion,
  type CohortDefinition,
  cohortDefinitionSchema,
  type CohortEvent,
  type CohortGroup,
  type CohortMember,
  type CohortPerson,
  isGroup,
  shallow,
} from "./schema.ts";

/** The most events of a definition: each is read once, or once for each entry event. */
const MOST_EVENTS = 100;
/** Deepest groups in groups. */
const MOST_DEPTH = 5;

/** Finds the SELECT of a cohort that is held; throws if there is none of this name. */
export type FindCohort = (name: string) => RawBuilder<unknown>;

/**
 * Reads a definition in the short form.
 *
 * @param input The definition as received.
 * @param findCohort Finds the SELECT of a cohort that is held by its name; called once for each. @default the definition must not contain one
 * @param options `imported`: whether it is of another program, whose concept sets may be empty. @default false
 * @returns The definition.
 * @throws {OmcpError} `invalid_argument` with the first problem.
 */
export function readCohort(
  input: unknown,
  findCohort?: FindCohort,
  { imported = false }: { readonly imported?: boolean } = {},
): CohortExpression {
  const parsed = cohortDefinitionSchema.safeParse(shallow(input, "the cohort"));
  if (!parsed.success) throw unreadable(parsed.error);
  const definition = parsed.data;
  const { age, sex } = definition;
  const find = findCohort && remembered(findCohort);
  const expression: CohortExpression = {
    entry: definition.entry.map((event) => eventOf(event, { where: "entry", find, imported })),
    observation: {
      priorDays: definition.prior_observation_days,
      postDays: definition.post_observation_days,
    },
    entryLimit: definition.entry_limit,
    rules: [
      ...personRules({ age, sex }),
      ...(definition.with ?? []).map((member, at) =>
        ruleOf(member, { where: `with[${at}]`, find, imported })
      ),
      ...(definition.without ?? []).map((member, at) =>
        negated(ruleOf(member, { where: `without[${at}]`, find, imported }))
      ),
    ],
    limit: definition.limit,
    exit: exitOf(definition.exit, imported),
    censoring: (definition.exit?.censor ?? []).map((event) =>
      eventOf(event, { where: "exit.censor", find, imported })
    ),
    mergeGapDays: definition.merge_gap_days,
  };
  const events = eventsOf(expression).length;
  if (events <= MOST_EVENTS) return expression;
  throw new OmcpError(
    "invalid_argument",
    `Cannot use a definition with ${events} events: at most ${MOST_EVENTS} are possible`,
    { next: "Put concepts of one table into one concept set." },
  );
}

/** Finds each cohort once: its SELECT takes milliseconds, and groups may name it thousands of times before events are counted. */
function remembered(find: FindCohort): FindCohort {
  const found = new Map<string, RawBuilder<unknown>>();
  return function findOnce(name) {
    const rows = found.get(name) ?? find(name);
    found.set(name, rows);
    return rows;
  };
}

/** Where in a definition something is, and how it finds cohorts. */
interface Place {
  readonly where: string;
  readonly find: FindCohort | undefined;
  /** As for {@link readCohort}. */
  readonly imported: boolean;
  /** How many groups it is in. @default 0 */
  readonly depth?: number;
}

function eventOf(
  { table, cohort, concepts, first, dates, value, units }: CohortEvent,
  { where, find, imported }: Place,
): EventCriteria {
  if ((table === "cohort") !== (cohort !== undefined) || cohort !== undefined && find === undefined) {
    throw new OmcpError(
      "invalid_argument",
      find === undefined
        ? `Cannot use a cohort in ${where}`
        : `Cannot read ${where}: table cohort and a cohort's name belong together`,
      {
        next: find === undefined
          ? "Write its own conditions."
          : 'Write {"table": "cohort", "cohort": "name"}.',
      },
    );
  }
  if (!imported) refuseOnlyExcludes(concepts, where);
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
      { next: "Use them with measurement or observation." },
    );
  }
  ordered(dates?.from, dates?.to, `${where}: dates`);
  ordered(value?.min, value?.max, `${where}: value`);
  return {
    table,
    ...(cohort === undefined || find === undefined ? {} : { cohort: { name: cohort, rows: find(cohort) } }),
    concepts: concepts === undefined ? undefined : { items: concepts },
    // A person dies once, and circe has no such choice there.
    first: first === true && table !== "death",
    dates: dates ?? {},
    value: value ?? {},
    units,
  };
}

/** A condition as it is written in `with`, or in a group. */
function ruleOf(member: CohortMember, place: Place): CohortRule {
  const { where } = place;
  if ("table" in member) return eventsRule(member, place);
  if (isGroup(member)) return groupRule(member, place);
  const rules = personRules(member, `${where}.age`);
  const [rule] = rules;
  if (rule === undefined) {
    throw new OmcpError("invalid_argument", `Cannot use ${where}: its age has no limit`, {
      next: 'Write {"age": {"min": 40}}.',
    });
  }
  return rules.length === 1 ? rule : allOf(rules);
}

function eventsRule(criterion: CohortCriterion, place: Place): CohortRule {
  const { window = {}, at_least, at_most, outside_observation, name, ...event } = criterion;
  ordered(window.from, window.to, `${place.where}: window`);
  const count = countOf({ at_least, at_most }, 1, place.where);
  return {
    kind: "events",
    name,
    events: eventOf(event, place),
    window,
    outsideObservation: outside_observation === true,
    count,
  };
}

function groupRule(
  { any_of, all_of, of, at_least, at_most, name }: CohortGroup,
  { where, find, imported, depth = 0 }: Place,
): CohortRule {
  const [list, second] = [any_of, all_of, of].filter((one) => one !== undefined);
  if (list === undefined || second !== undefined || depth >= MOST_DEPTH) {
    throw new OmcpError(
      "invalid_argument",
      `Cannot read ${where}: a condition has table, age or sex, or only one of any_of, all_of and of, at most ${MOST_DEPTH} deep`,
      { next: 'Write {"any_of": [conditions]}.' },
    );
  }
  const key = any_of !== undefined ? "any_of" : all_of !== undefined ? "all_of" : "of";
  const count = countOf({ at_least, at_most }, any_of === undefined ? list.length : 1, where);
  if ((at_least === undefined && at_most === undefined) === (of !== undefined)) {
    throw new OmcpError(
      "invalid_argument",
      `Cannot read ${where}: at_least or at_most belongs to of, and only to it`,
      { next: 'Write {"of": [conditions], "at_least": 2}, or {"any_of": [conditions]}.' },
    );
  }
  // With three conditions, "at least four" never holds, and "at most three" always does.
  if (at_least !== undefined && at_least > list.length || at_most !== undefined && at_most >= list.length) {
    throw new OmcpError(
      "invalid_argument",
      `Cannot use ${where}: it has ${list.length} conditions, and ${
        at_least === undefined ? `at most ${at_most} always` : `at least ${at_least} never`
      } hold`,
      { next: "Change the number, or add conditions." },
    );
  }
  const rules = list.map((one, at) =>
    ruleOf(one, { where: `${where}.${key}[${at}]`, find, imported, depth: depth + 1 })
  );
  return { kind: "group", name, count, rules };
}

/** A condition that must not hold. */
function negated(rule: CohortRule): CohortRule {
  switch (rule.kind) {
    case "events":
    case "group": {
      const { is, number } = rule.count;
      return {
        ...rule,
        count: is === "at least"
          ? { is: "at most", number: number - 1 }
          : { is: "at least", number: number + 1 },
      };
    }
    case "age":
    case "sex":
      return { kind: "group", name: undefined, count: { is: "at most", number: 0 }, rules: [rule] };
  }
}

function allOf(rules: readonly CohortRule[]): CohortRule {
  return { kind: "group", name: undefined, count: { is: "at least", number: rules.length }, rules };
}

/** The number that a condition has, or at least `least`. */
function countOf(
  { at_least, at_most }: Pick<CohortGroup, "at_least" | "at_most">,
  least: number,
  where: string,
): RuleCount {
  if (at_most === undefined) return { is: "at least", number: at_least ?? least };
  if (at_least === undefined) return { is: "at most", number: at_most };
  throw new OmcpError("invalid_argument", `Cannot use ${where}: it has at_least and at_most`, {
    next: "Pass one of them; for a range, write two conditions.",
  });
}

/** The conditions on the person; none for an age without limits. */
function personRules({ age, sex }: CohortPerson, where = "age"): readonly CohortRule[] {
  ordered(age?.min, age?.max, where);
  return [
    ...(age?.min === undefined && age?.max === undefined
      ? []
      : [{ kind: "age" as const, min: age.min, max: age.max, completedYears: age.completed_years === true }]),
    ...(sex === undefined ? [] : [{ kind: "sex" as const, concept: SEX[sex] }]),
  ];
}

function exitOf(exit: CohortDefinition["exit"], imported: boolean): CohortExit {
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
  if (!imported) refuseOnlyExcludes(concepts, "exit.drug_era");
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
