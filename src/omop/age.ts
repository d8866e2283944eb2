/** Ages as SQL. */
import { type RawBuilder, sql } from "kysely";

/** The columns of `person` that a birth is read from. */
export type BirthColumn = "birth_datetime" | "year_of_birth" | "month_of_birth" | "day_of_birth";

/**
 * Completed years of a person on a date. The birth is `birth_datetime`; without it `year_of_birth` with month and day, of which a
 * missing one counts as 1.
 *
 * @param date The date.
 * @param born Finds a column of the person.
 * @returns An integer; null without a year of birth, negative before the birth.
 */
export function completedYears(
  date: RawBuilder<unknown>,
  born: (column: BirthColumn) => RawBuilder<unknown>,
): RawBuilder<number> {
  // Years as digits before month and day: the difference of two such numbers, divided by 10,000, is completed years. PostgreSQL's own
  // make_date() would end the query at an impossible date of birth.
  const on = (value: RawBuilder<unknown>) =>
    sql`extract(year from ${value}) * 10000 + extract(month from ${value}) * 100 + extract(day from ${value})`;
  const birthDay = sql`coalesce(${on(born("birth_datetime"))}, ${born("year_of_birth")} * 10000 + coalesce(${
    born("month_of_birth")
  }, 1) * 100 + coalesce(${born("day_of_birth")}, 1))`;
  return sql`cast(floor((${on(date)} - ${birthDay}) / 10000) as integer)`;
}
