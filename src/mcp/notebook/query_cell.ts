/** A typed query as Python that runs where psycopg and pandas are installed. */
import type { CompiledOmopQuery } from "../../omop/query/mod.ts";
import type { NotebookSource } from "../../sandbox/mod.ts";

/**
 * Writes the code that leaves the same rows as a DataFrame. The types of its columns are what pandas infers.
 *
 * @param into The variable.
 * @param sql The statement, with its values as literals.
 * @param limit How many rows are kept.
 */
export function queryCell(
  into: string,
  sql: string,
  { limit }: Pick<CompiledOmopQuery, "limit">,
): NotebookSource {
  // A string of JSON is one of Python, too.
  return {
    code: [
      "import pandas",
      "import psycopg",
      "",
      "with psycopg.connect() as connection, connection.cursor() as cursor:",
      `    cursor.execute(${JSON.stringify(sql)})`,
      `    rows = cursor.fetchmany(${limit})`,
      "    names = [column.name for column in cursor.description]",
      `${into} = pandas.DataFrame(rows, columns=names).convert_dtypes()`,
    ].join("\n"),
    note: `query_omop left the DataFrame ${into}; this does the same`,
  };
}
