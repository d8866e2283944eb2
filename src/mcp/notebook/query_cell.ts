/** A typed query as Python that runs where psycopg and pandas are installed. */
import type { CompiledOmopQuery } from "../../omop/query/mod.ts";
import type { NotebookSource } from "../../sandbox/mod.ts";

type Column = CompiledOmopQuery["columns"][number];

/** The types of the DataFrame's columns, as src/cdm/query_runner/run_query.py makes them. */
const DTYPES: Readonly<Record<Column["type"], string>> = {
  integer: "Int64",
  bigint: "Int64",
  numeric: "Float64",
  text: "string",
  date: "datetime64[s]",
  timestamp: "datetime64[us]",
};

/** Indented lines after it have a cursor. */
const WITH_CURSOR = [
  "import pandas",
  "import psycopg",
  "",
  "with psycopg.connect() as connection, connection.cursor() as cursor:",
];

/**
 * Writes the code that leaves the same DataFrame.
 *
 * @param into The variable.
 * @param sql The statement, with its values as literals.
 * @param query The types of the columns, and how many rows are kept.
 */
export function queryCell(
  into: string,
  sql: string,
  { columns, limit }: Pick<CompiledOmopQuery, "columns" | "limit">,
): NotebookSource {
  const dtypes = columns.map(({ name, type }) => `${JSON.stringify(name)}: "${DTYPES[type]}"`).join(", ");
  const numeric = columns.some(({ type }) => type === "numeric");
  // A string of JSON is one of Python, too.
  return {
    code: [
      ...WITH_CURSOR,
      ...(numeric
        ? ['    cursor.adapters.register_loader("numeric", psycopg.types.numeric.FloatLoader)']
        : []),
      `    cursor.execute(${JSON.stringify(sql)})`,
      `    rows = cursor.fetchmany(${limit})`,
      `dtypes = {${dtypes}}`,
      `${into} = pandas.DataFrame(rows, columns=list(dtypes), dtype=object).astype(dtypes)`,
    ].join("\n"),
    note: `query_omop left the DataFrame ${into}; this does the same`,
  };
}

/**
 * Writes the code that leaves the rows of a statement whose columns are not known; pandas chooses the types.
 *
 * @param into The variable.
 * @param sql The statement.
 * @param limit Rows that are kept.
 */
export function sqlCell(into: string, sql: string, limit: number): NotebookSource {
  return {
    code: [
      ...WITH_CURSOR,
      `    cursor.execute(${JSON.stringify(sql)})`,
      "    names = [column.name for column in cursor.description]",
      `    ${into} = pandas.DataFrame(cursor.fetchmany(${limit}), columns=names).convert_dtypes()`,
    ].join("\n"),
    note: `run_sql left the DataFrame ${into}; this does the same, with the types that pandas infers`,
  };
}
