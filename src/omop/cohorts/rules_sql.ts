import { type RawBuilder, sql } from "kysely";
import { completedYears } from "../age.ts";
import { listed } from "../query/listed.ts";
import { eventsSelect } from "./events_sql.ts";
import type { CohortRule, EventCriteria, RuleGroup } from "./expression.ts";

type EventsRule = CohortRule & { readonly kind: "events" };

/**
 * A condition that a rule implies and that PostgreSQL can plan as a join of all events at once, for a rule that it can only check event
 * by event.
 *
 * @param rule The rule.
 * @param schema The schema of the CDM's tables.
 * @returns A condition as of {@link ruleCondition}; undefined if there is none, or the rule is such a condition itself.
 */
export function quickCondition(rule: CohortRule, schema: string): RawBuilder<unknown> | undefined {
  if (rule.kind === "events") {
    if (rule.count.is === "at most" || isJoin(rule)) return undefined;
    const events = { ...rule.events, first: false };
    return eventsCondition({ ...rule, events, count: { is: "at least", number: 1 } }, schema);
  }
  const needed = neededEvents(rule);
  if (needed === undefined) return undefined;
  // Without windows, about which PostgreSQL could not plan a join of several tables.
  const selects = needed.map((events) => sql`(${eventsSelect({ ...events, first: false }, schema)})`);
  return sql`exists (select 1 from (${
    sql.join(selects, sql` union all `)
  }) as a where a.person_id = q.person_id)`;
}

/** Events of which every person has one for whom the rule holds; undefined if the rule can hold for a person without events. */
function neededEvents(rule: CohortRule): readonly EventCriteria[] | undefined {
  if (rule.kind !== "events" && rule.kind !== "group" || rule.count.is === "at most") return undefined;
  if (rule.kind === "events") return [rule.events];
  const each = rule.rules.map(neededEvents).filter((one) => one !== undefined);
  return each.length === rule.rules.length ? each.flat() : undefined;
}

/**
 * A rule as a condition on an entry event.
 *
 * @param rule The rule.
 * @param schema The schema of the CDM's tables.
 * @param inGroup Whether it is one of the conditions of a group.
 * @returns A condition on `q`, which has person_id, start_date, op_start_date and op_end_date.
 */
export function ruleCondition(
  rule: CohortRule,
  schema: string,
  inGroup = false,
): RawBuilder<unknown> {
  switch (rule.kind) {
    case "age": {
      const born = (name: string) => sql.ref(`p.${name}`);
      const age = rule.completedYears
        ? completedYears(sql`q.start_date`, born)
        : sql`extract(year from q.start_date) - ${born("year_of_birth")}`;
      return ofPerson(schema, [
        ...(rule.min === undefined ? [] : [sql`${age} >= ${sql.lit(rule.min)}`]),
        ...(rule.max === undefined ? [] : [sql`${age} <= ${sql.lit(rule.max)}`]),
      ]);
    }
    case "sex":
      return ofPerson(schema, [sql`${sql.ref("p.gender_concept_id")} = ${sql.lit(rule.concept)}`]);
    case "events":
      return eventsCondition(rule, schema, inGroup);
    case "group":
      return groupCondition(rule, schema);
  }
}

function groupCondition({ rules, count }: RuleGroup, schema: string): RawBuilder<unknown> {
  const conditions = rules.map((rule) => ruleCondition(rule, schema, true));
  if (count.is === "at least" && count.number === rules.length) {
    return sql`(${sql.join(conditions, sql` and `)})`;
  }
  const any = sql`(${sql.join(conditions, sql` or `)})`;
  if (count.is === "at least" && count.number === 1) return any;
  if (count.is === "at most" && count.number === 0) return sql`not ${any}`;
  const held = sql.join(conditions.map((one) => sql`case when ${one} then 1 else 0 end`), sql` + `);
  return sql`${held} ${comparison(count.is)} ${sql.lit(count.number)}`;
}

function comparison(is: "at least" | "at most"): RawBuilder<unknown> {
  return is === "at least" ? sql`>=` : sql`<=`;
}

function ofPerson(schema: string, conditions: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return sql`exists (select 1 from ${sql.id(schema, "person")} as p where ${
    sql.join([sql`p.person_id = q.person_id`, ...conditions], sql` and `)
  })`;
}

/** Whether PostgreSQL can plan a rule as a join: that there is an event, or none. */
function isJoin({ events, count }: EventsRule): boolean {
  return !events.first && count.number === (count.is === "at least" ? 1 : 0);
}

function eventsCondition(rule: EventsRule, schema: string, inGroup = false): RawBuilder<unknown> {
  const { events, window: { from, to }, outsideObservation, count } = rule;
  // One of several conditions is checked event by event.
  const joins = !inGroup && isJoin(rule);
  const person = joins ? undefined : sql`q.person_id`;
  const conditions = [
    ...(joins ? [sql`a.person_id = q.person_id`] : []),
    ...(outsideObservation ? [] : [sql`a.start_date between q.op_start_date and q.op_end_date`]),
    ...(from === undefined ? [] : [sql`a.start_date >= q.start_date + ${sql.lit(from)}`]),
    ...(to === undefined ? [] : [sql`a.start_date <= q.start_date + ${sql.lit(to)}`]),
  ];
  const rows = sql`from (${eventsSelect(events, schema, person)}) as a${
    listed(" where ", conditions, " and ")
  }`;
  if (count.is === "at least" && count.number === 1) return sql`exists (select 1 ${rows})`;
  if (count.is === "at most" && count.number === 0) return sql`not exists (select 1 ${rows})`;
  return sql`(select count(*) ${rows}) ${comparison(count.is)} ${sql.lit(count.number)}`;
}
