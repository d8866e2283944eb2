/** The checks as statements: one for each table, which reads it once. */
import { type RawBuilder, sql } from "kysely";
import { table as tableRef } from "../concepts/concept_set_sql.ts";
import { columnDomain } from "../lint/mod.ts";
import { type Statement, statement } from "../sql_compiler.ts";
import type { QualityCheckId } from "./checks.ts";
import type { EventTable } from "./events.ts";

/** What is counted for one check: the records that violate it, and the records that it is about. */
interface Count {
  readonly check: QualityCheckId;
  readonly violates: RawBuilder<unknown>;
  /** @default every record */
  readonly of?: RawBuilder<unknown>;
}

/** Counts, and the join that they need. */
interface Part {
  readonly join?: RawBuilder<unknown>;
  readonly counts: readonly Count[];
}

/** A statement whose one row has two numbers for each check: records that violate it, and records that it is about. */
export interface QualityStatement {
  readonly table: string;
  readonly checks: readonly QualityCheckId[];
  readonly statement: Statement;
}

/** The CDM, as far as statements depend on it. */
interface Where {
  /** The schema of the CDM's tables. */
  readonly schema: string;
  /** The tables that this CDM has. */
  readonly present: ReadonlySet<string>;
}

/** Days after death in which records are still plausible, and around a visit: DQD's. */
const AFTER_DEATH = 60;
const AROUND_VISIT = 7;
const FIRST_DATE = "1950-01-01";
const FIRST_BIRTH = "1850";

/**
 * Checks the records of a table of events. A record whose visit or concept has its id twice counts twice.
 *
 * @param event The table.
 * @param where The CDM.
 */
export function eventChecks(event: EventTable, where: Where): QualityStatement {
  const day = sql.ref(`e.${event.start}`);
  const { present } = where;
  const parts: readonly Part[] = [
    ofDay(day),
    ...(present.has("person") ? [ofPerson(day, where)] : []),
    ...(present.has("concept") ? [ofConcept(event, where)] : []),
    ofEnd(event, day),
    ofValue(event),
    ...(present.has("death") && event.table !== "death" ? [ofDeath(day, where)] : []),
    ...(event.visit ? [ofVisit(day, where)] : []),
    ...(present.has("observation_period") ? [ofPeriod(day, where)] : []),
  ];
  return checking(event.table, parts, tableRef(where.schema, event.table));
}

/**
 * Checks the persons, and their observation periods.
 *
 * @param where The CDM.
 */
export function personChecks(where: Where): readonly QualityStatement[] {
  const { schema, present } = where;
  const found: QualityStatement[] = [];
  const hasPeriods = present.has("observation_period");
  const periods = tableRef(schema, "observation_period");
  if (present.has("person")) {
    const persons =
      sql`(select person_id, gender_concept_id, year_of_birth, count(*) over (partition by person_id) as same
from ${tableRef(schema, "person")})`;
    found.push(checking("person", [{
      counts: [
        { check: "isPrimaryKey", violates: sql`e.same > 1` },
        { check: "genderMapped", violates: sql`e.gender_concept_id = 0` },
        {
          check: "birthYear",
          violates:
            sql`e.year_of_birth < cast(${FIRST_BIRTH} as integer) or e.year_of_birth > extract(year from current_date)`,
        },
      ],
    }, ...(hasPeriods ? [ofAnyPeriod(periods)] : [])], persons));
  }
  if (hasPeriods) {
    const first = sql.ref("e.observation_period_start_date");
    const ends: Count = { check: "startBeforeEnd", violates: sql`e.observation_period_end_date < ${first}` };
    const person = present.has("person") ? [ofPerson(first, where)] : [];
    found.push(checking("observation_period", [ofDay(first), { counts: [ends] }, ...person], periods));
  }
  return found;
}

function ofDay(day: RawBuilder<unknown>): Part {
  const violates = sql`${day} < cast(${FIRST_DATE} as date) or ${day} > current_date + 1`;
  return { counts: [{ check: "dateRange", violates }] };
}

/** A record's person counts once, also where `person` has the id twice. */
function ofPerson(day: RawBuilder<unknown>, { schema }: Where): Part {
  return {
    join: sql`left join (select person_id, min(year_of_birth) as born from ${
      tableRef(schema, "person")
    } group by 1) as p
on p.person_id = e.person_id`,
    counts: [{ check: "isForeignKey", violates: sql`p.person_id is null` }, {
      check: "afterBirth",
      violates: sql`extract(year from ${day}) < p.born`,
      of: sql`p.born is not null`,
    }],
  };
}

function ofAnyPeriod(periods: RawBuilder<unknown>): Part {
  return {
    join: sql`left join (select distinct person_id from ${periods}) as o on o.person_id = e.person_id`,
    counts: [{ check: "personCompleteness", violates: sql`o.person_id is null` }],
  };
}

function ofConcept({ concept }: EventTable, { schema }: Where): Part {
  if (concept === undefined) return { counts: [] };
  const domain = columnDomain(concept);
  const id = sql.ref(`e.${concept}`);
  const valid = sql`c.standard_concept = 'S' and coalesce(c.invalid_reason, '') = ''`;
  return {
    join: sql`left join ${tableRef(schema, "concept")} as c on c.concept_id = ${id}`,
    counts: [
      { check: "conceptMapped", violates: sql`${id} = 0` },
      { check: "standardValid", violates: sql`${id} <> 0 and (${valid}) is not true` },
      ...(domain === undefined
        ? []
        : [{ check: "domain", violates: sql`${id} <> 0 and c.domain_id <> ${domain}` } satisfies Count]),
    ],
  };
}

function ofEnd({ end }: EventTable, day: RawBuilder<unknown>): Part {
  if (end === undefined) return { counts: [] };
  const last = sql.ref(`e.${end}`);
  return {
    counts: [{ check: "startBeforeEnd", violates: sql`${last} < ${day}`, of: sql`${last} is not null` }],
  };
}

function ofValue({ values }: EventTable): Part {
  if (values.length === 0) return { counts: [] };
  const absent = values.map((name) =>
    name.endsWith("_concept_id")
      ? sql`coalesce(${sql.ref(`e.${name}`)}, 0) = 0`
      : sql`${sql.ref(`e.${name}`)} is null`
  );
  return { counts: [{ check: "noValue", violates: sql.join(absent, sql` and `) }] };
}

function ofDeath(day: RawBuilder<unknown>, { schema }: Where): Part {
  return {
    join: sql`left join (select person_id, max(death_date) as died from ${
      tableRef(schema, "death")
    } group by 1) as d
on d.person_id = e.person_id`,
    counts: [{
      check: "beforeDeath",
      violates: sql`${day} > d.died + cast(${AFTER_DEATH} as integer)`,
      of: sql`d.died is not null`,
    }],
  };
}

function ofVisit(day: RawBuilder<unknown>, { schema }: Where): Part {
  const around = sql`cast(${AROUND_VISIT} as integer)`;
  return {
    join: sql`left join ${
      tableRef(schema, "visit_occurrence")
    } as v on v.visit_occurrence_id = e.visit_occurrence_id`,
    counts: [{
      check: "withinVisit",
      violates: sql`${day} < v.visit_start_date - ${around} or ${day} > v.visit_end_date + ${around}`,
      of: sql`v.visit_occurrence_id is not null`,
    }],
  };
}

function ofPeriod(day: RawBuilder<unknown>, { schema }: Where): Part {
  return {
    join: sql`left join (select person_id,
range_agg(daterange(observation_period_start_date, observation_period_end_date, '[]')) as spans
from ${tableRef(schema, "observation_period")}
where observation_period_start_date <= observation_period_end_date group by 1) as o on o.person_id = e.person_id`,
    counts: [{ check: "outsidePeriod", violates: sql`(o.spans @> ${day}) is not true` }],
  };
}

function checking(table: string, parts: readonly Part[], from: RawBuilder<unknown>): QualityStatement {
  const counts = parts.flatMap((part) => part.counts);
  const joins = parts.flatMap(({ join }) => join ?? []);
  const columns = counts.flatMap(({ violates, of }) => [
    sql`count(*) filter (where ${of === undefined ? violates : sql`(${of}) and (${violates})`})`,
    of === undefined ? sql`count(*)` : sql`count(*) filter (where ${of})`,
  ]);
  return {
    table,
    checks: counts.map(({ check }) => check),
    statement: statement(sql`select ${sql.join(columns)} from ${from} as e ${sql.join(joins, sql` `)}`),
  };
}
