/** Several results by one statement, so that what they are counted from is evaluated once, without a temporary table. */
import { type RawBuilder, sql } from "kysely";

/** One of the results. */
export interface Counts {
  /** A SELECT, which may begin with `with` and may name what is shared. */
  readonly select: RawBuilder<unknown>;
  /** How many columns it has. */
  readonly columns: number;
}

/**
 * Makes one statement of several SELECTs.
 *
 * @param shared Common table expressions that they all may name; the database evaluates none that nobody names.
 * @param results The SELECTs.
 * @returns Rows of the result's place and its columns as text, followed by nulls up to the most columns; in the order of the results and
 * of each one's rows.
 */
export function together(
  shared: readonly RawBuilder<unknown>[],
  results: readonly Counts[],
): RawBuilder<unknown> {
  const width = Math.max(...results.map(({ columns }) => columns));
  const names = Array.from({ length: width }, (_, at) => sql.id(`c${at}`));
  const selects = results.map(({ select, columns }, at) => {
    const texts = names.map((name, column) => column < columns ? sql`cast(${name} as text)` : sql`null`);
    // The place of a row keeps the order that the SELECT gives.
    return sql`select ${sql.lit(at)} as result, row_number() over () as place, ${
      sql.join(texts)
    } from (${select}) as q(${sql.join(names.slice(0, columns))})`;
  });
  return sql`with ${sql.join(shared, sql`,\n`)}
select result, ${sql.join(names)} from (
${sql.join(selects, sql`\nunion all\n`)}
) as results(result, place, ${sql.join(names)}) order by result, place`;
}
