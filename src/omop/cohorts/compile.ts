/** A cohort as one read-only SELECT, with the semantics of circe (OHDSI/circe-be, CohortExpressionQueryBuilder). */
import { type RawBuilder, sql } from "kysely";
import { type Statement, statement } from "../sql_compiler.ts";
import { eventsSelect } from "./events_sql.ts";
import { exitSteps, type Step } from "./exit_sql.ts";
import type { CohortExpression, EventLimit } from "./expression.ts";
import { quickCondition, ruleCondition } from "./rules_sql.ts";
import { observationLabel, ruleName } from "./meaning.ts";

const PERIODS = "periods in the cohort";

/** A step of a cohort's attrition. */
interface AttritionStep {
  /** What it keeps. */
  readonly label: string;
  /** The step of the statement. */
  readonly step: string;
}

/** What one row of a cohort is. Dates as YYYY-MM-DD. */
export interface CohortRow {
  readonly person_id: string;
  readonly cohort_start_date: string;
  readonly cohort_end_date: string;
}

/**
 * A cohort's rows.
 *
 * @param expression The definition.
 * @param schema The schema of the CDM's tables.
 * @returns A SELECT of `person_id`, `cohort_start_date` and `cohort_end_date`: the periods of persons in the cohort; those of one person do not
 * overlap. In parentheses it is a subquery.
 */
export function cohortSelect(expression: CohortExpression, schema: string): RawBuilder<CohortRow> {
  const { steps } = plan(expression, schema);
  return sql`${
    withSteps(steps)
  } select person_id, start_date as cohort_start_date, end_date as cohort_end_date from merged`;
}

/** A cohort's attrition as a statement. */
export interface Attrition {
  /** Rows in the order of `labels`: persons, rows, first and last start (null without rows), days from start to end. */
  readonly statement: Statement;
  /** What each row's persons and events have passed; the last row has the cohort's own persons and periods. */
  readonly labels: readonly string[];
}

/**
 * How many persons and events are left after each step of a definition.
 *
 * @param expression The definition.
 * @param schema The schema of the CDM's tables.
 */
export function cohortAttrition(expression: CohortExpression, schema: string): Attrition {
  const { steps, attrition } = plan(expression, schema);
  const rows = [...attrition, { label: PERIODS, step: "merged" }];
  const counts = rows.map(({ step }, at) => countOf(step, at));
  return {
    statement: statement(sql`${withSteps(steps)} ${sql.join(counts, sql` union all `)} order by step`),
    labels: rows.map(({ label }) => label),
  };
}

/**
 * How many persons and periods a cohort has whose steps are not known, in the form of an attrition.
 *
 * @param rows A SELECT as of {@link cohortSelect}.
 */
export function cohortSize(rows: RawBuilder<CohortRow>): Attrition {
  const merged =
    sql`select person_id, cohort_start_date as start_date, cohort_end_date as end_date from (${rows}) as q`;
  return {
    statement: statement(sql`${withSteps([{ name: "merged", select: merged }])} ${countOf("merged", 0)}`),
    labels: [PERIODS],
  };
}

function countOf(step: string, at: number): RawBuilder<unknown> {
  return sql`select ${
    sql.lit(at)
  } as step, count(distinct person_id), count(*), min(start_date), max(start_date), sum(end_date - start_date) from ${
    sql.id(step)
  }`;
}

/**
 * Who is left after each step of a definition, person by person.
 *
 * @param expression The definition.
 * @param schema The schema of the CDM's tables.
 * @returns A SELECT of person_id and g0, the step from 0, with a row for each event; and the steps' labels.
 */
export function cohortSteps(
  expression: CohortExpression,
  schema: string,
): { readonly rows: RawBuilder<unknown>; readonly labels: readonly string[] } {
  const { steps, attrition } = plan(expression, schema);
  // The exit may leave out events: only its end shows whether the cohort has enough persons.
  const counted = [...attrition, { label: PERIODS, step: "merged" }];
  const parts = counted.map(({ step }, at) =>
    sql`select person_id::bigint as person_id, ${sql.lit(at)} as g0 from ${sql.id(step)}`
  );
  return {
    rows: sql`${withSteps(steps)} ${sql.join(parts, sql` union all `)}`,
    labels: counted.map(({ label }) => label),
  };
}

interface Plan {
  /** From the entry events to `merged`. */
  readonly steps: readonly Step[];
  /** The steps after which persons are counted. */
  readonly attrition: readonly AttritionStep[];
}

function plan(expression: CohortExpression, schema: string): Plan {
  const { entry, observation, entryLimit, rules, limit } = expression;
  const steps: Step[] = [
    {
      name: "entries",
      select: sql.join(entry.map((events) => sql`(${eventsSelect(events, schema)})`), sql` union all `),
    },
    { name: "observed", select: observed(expression, schema) },
  ];
  const attrition: AttritionStep[] = [
    { label: "entry events", step: "entries" },
    { label: observationLabel(observation), step: "observed" },
  ];
  let last = "observed";
  function keep(name: string, label: string, select: RawBuilder<unknown>): void {
    steps.push({ name, select });
    attrition.push({ label, step: name });
    last = name;
  }
  if (entryLimit !== "all") {
    keep("limited", `each person's ${entryLimit} of these`, sql`select * from observed where event_id = 1`);
  }
  for (const [at, rule] of rules.entries()) {
    const quick = quickCondition(rule, schema);
    if (quick !== undefined) {
      const name = `maybe_${at + 1}`;
      const select = sql`select q.* from ${sql.id(last)} as q where ${quick}`;
      // Otherwise PostgreSQL would check the slow condition first.
      steps.push({ name, select, materialized: true });
      last = name;
    }
    keep(
      `rule_${at + 1}`,
      ruleName(rule),
      sql`select q.* from ${sql.id(last)} as q where ${ruleCondition(rule, schema)}`,
    );
  }
  steps.push({ name: "included", select: limited(last, limit) }, ...exitSteps(expression, schema));
  if (limit !== "all") attrition.push({ label: `each person's ${limit} of these`, step: "included" });
  return { steps, attrition };
}

/** The entry events in an observation period of their person, numbered from 1 for each person in the order of the entry limit. */
function observed(
  { observation: { priorDays, postDays }, entryLimit }: CohortExpression,
  schema: string,
): RawBuilder<unknown> {
  // Circe's order, made complete: which of several events of a day is the first must not change between two runs.
  const order = sql`o.start_date ${
    direction(entryLimit)
  }, o.event_key, o.end_date, o.op_start_date, o.op_end_date`;
  return sql`select o.*, row_number() over (partition by o.person_id order by ${order}) as event_id from (
select n.person_id, n.event_key, n.start_date, n.end_date, op.observation_period_start_date as op_start_date,
op.observation_period_end_date as op_end_date from entries as n join ${
    sql.id(schema, "observation_period")
  } as op on op.person_id = n.person_id
and n.start_date between op.observation_period_start_date and op.observation_period_end_date
where n.start_date - op.observation_period_start_date >= ${sql.lit(priorDays)}
and op.observation_period_end_date - n.start_date >= ${sql.lit(postDays)}) as o`;
}

function limited(from: string, limit: EventLimit): RawBuilder<unknown> {
  if (limit === "all") return sql`select * from ${sql.id(from)}`;
  return sql`select distinct on (q.person_id) q.* from ${sql.id(from)} as q
order by q.person_id, q.start_date ${direction(limit)}, q.event_id`;
}

function direction(limit: EventLimit): RawBuilder<unknown> {
  return limit === "last" ? sql`desc` : sql`asc`;
}

function withSteps(steps: readonly Step[]): RawBuilder<unknown> {
  return sql`with ${
    sql.join(steps.map(({ name, select, materialized }) =>
      sql`${sql.id(name)} as ${materialized === true ? sql`materialized ` : sql``}(${select})`
    ))
  }`;
}
