/** Sets of persons as conditions: those who have, or have not, rows of another table. */
import { type RawBuilder, sql } from "kysely";
import { OmcpError } from "../../errors.ts";
import { rowsOf, type RowSource, tableOf } from "./cohort_table.ts";
import { Scope } from "./columns.ts";
import { endDate, hasColumn } from "./event_date.ts";
import { FILTERS_HINTS } from "./filter_hints.ts";
import { filterCondition, readConditions } from "./filters.ts";
import { joinClause } from "./joins.ts";
import { readPart } from "./read_part.ts";
import { type OmopQuery, type PersonCriterion, personCriterionSchema } from "./schema.ts";

/** Which criteria: all (of a query without `per_person`), or those that apply before or after `per_person` picks. */
export type Stage = "all" | "before" | "after";

/**
 * The conditions of `persons`.
 *
 * @param persons The criteria.
 * @param outer The query's own table.
 * @param source Where the rows of tables are.
 * @param stage Which criteria. @default "all"
 * @returns A condition for each criterion. A window counts days from the start or end of the query's row to the start of the other
 * table's row, both ends included. A row without an end ends on the day of its start.
 * @throws {OmcpError} `invalid_argument` if a criterion or one of its names does not fit.
 */
export function personConditions(
  persons: OmopQuery["persons"],
  outer: Scope,
  source: RowSource,
  stage: Stage = "all",
): RawBuilder<boolean>[] {
  const without = (persons?.without ?? []).map((one, at) =>
    readPart(one, {
      schema: personCriterionSchema,
      where: `persons.without[${at}]`,
      hints: FILTERS_HINTS,
      next: 'Write {"table": "condition_occurrence", "filters": [conditions], "window": {"to": -1}}.',
    })
  );
  const all = [
    ...(persons?.with ?? []).map((criterion) => ({ criterion, holds: true })),
    ...without.map((criterion) => ({ criterion, holds: false })),
  ];
  return all.filter(({ criterion }) =>
    stage === "all" || (criterion.before_per_person === true) === (stage === "before")
  ).map(({ criterion, holds }, at) => {
    const found = criterionCondition(criterion, { outer, source, alias: `e${at}` });
    return holds ? found : sql`not ${found}`;
  });
}

interface CriterionPlace {
  readonly outer: Scope;
  readonly source: RowSource;
  readonly alias: string;
}

function criterionCondition(
  criterion: PersonCriterion,
  { outer, source, alias }: CriterionPlace,
): RawBuilder<boolean> {
  const { schema } = source;
  const scope = new Scope(outer.version, tableOf(criterion), alias);
  for (const { table } of [outer, scope]) {
    if (hasColumn(table, "person_id")) continue;
    throw new OmcpError("invalid_argument", `Cannot use persons: the table ${table.name} has no person_id`, {
      next: "Use tables whose rows are about a person.",
    });
  }
  const conditions = readConditions(criterion.filters ?? [], `the filters of ${scope.table.name}`)
    .map((one) => filterCondition(one, { find: (name) => scope.find(name), schema }));
  const { from, to, of = "start" } = criterion.window ?? {};
  if (from !== undefined && to !== undefined && from > to) {
    throw new OmcpError("invalid_argument", `Cannot use the window from ${from} to ${to}: it is reversed`, {
      next: `Pass {"from": ${to}, "to": ${from}}.`,
    });
  }
  const days = () => sql`(${scope.date("window")} - ${of === "end" ? lastDay(outer) : outer.date("window")})`;
  if (from !== undefined) conditions.push(sql`${days()} >= ${sql.lit(from)}`);
  if (to !== undefined) conditions.push(sql`${days()} <= ${sql.lit(to)}`);
  if (criterion.overlaps === true) {
    const [own, other] = [outer.date("overlaps"), scope.date("overlaps")];
    conditions.push(sql`${other} <= ${lastDay(outer)}`, sql`${lastDay(scope)} >= ${own}`);
  }
  const rows = sql`from ${rowsOf(criterion, source)} as ${sql.id(alias)}${joinClause(scope, schema)} where ${
    sql.join([sql`${scope.own("person_id")} = ${outer.own("person_id")}`, ...conditions], sql` and `)
  }`;
  const least = criterion.at_least ?? 1;
  return least === 1 ? sql`exists (select 1 ${rows})` : sql`(select count(*) ${rows}) >= ${sql.lit(least)}`;
}

/** The day on which a row ends. */
function lastDay(scope: Scope): RawBuilder<unknown> {
  const [start, end] = [scope.date("window"), endDate(scope.table)];
  return end === undefined ? start : sql`coalesce(${scope.own(end)}, ${start})`;
}
