/** What a query may name where rows must not leave the database: columns, and functions of dates that are no finer than the rules. */
import type { RawBuilder } from "kysely";
import { OmcpError } from "../../errors.ts";
import type { Scope } from "../query/columns.ts";
import { type Expression, readColumn } from "../query/expression.ts";
import { BIRTH_BAND, type ColumnUse, columnUse, type KnownUse } from "./columns.ts";

/** A value of each row, and what it may be used for. */
export interface DisclosedSource extends KnownUse {
  /** Its name in the result. */
  readonly name: string;
  readonly sql: RawBuilder<unknown>;
  /** Whether it is the same in all rows of a person: a column of the table `person`. */
  readonly isOfPerson: boolean;
}

/**
 * Finds a value.
 *
 * @param scope Where the columns are.
 * @param written A column of the table or of its person; `year(date)` or `month(date)`; `age_at(date)`; or bands of that age.
 * @throws {OmcpError} `invalid_argument` for unknown names, `disclosure_not_allowed` for other functions.
 */
export function findValue(scope: Scope, written: string): DisclosedSource {
  const { expression } = readColumn(written);
  const { name, type, sql } = scope.find(written);
  const column = written.replace(/^person\./, "");
  const isOfPerson = expression.kind === "column" && (column !== written || scope.table.name === "person");
  const found = { name, type, sql, column, isOfPerson };
  if (expression.kind === "column") return { ...found, use: columnUse(found) };
  const use = functionUse(expression);
  if (use !== undefined && datesOf(expression).every((path) => isOwnDate(scope, path))) {
    return { ...found, use };
  }
  throw new OmcpError("disclosure_not_allowed", `Cannot use ${written}`, {
    next:
      `Use year(date), month(date), age_at(date), or band(age_at(date), 0, 40, 65) with edges that are multiples of ${BIRTH_BAND}; date is a date of the table.`,
  });
}

function functionUse(expression: Expression): ColumnUse | undefined {
  if (expression.kind !== "call") return undefined;
  const [of, ...edges] = expression.args;
  switch (expression.fn) {
    case "year":
    case "month":
      return "number";
    case "age_at":
      return "age";
    case "band":
      return of?.kind === "call" && of.fn === "age_at" &&
          edges.every((edge) => edge.kind === "number" && Number(edge.text) % BIRTH_BAND === 0)
        ? "number"
        : undefined;
    default:
      return undefined;
  }
}

/** The columns that an expression names. */
function datesOf(expression: Expression): readonly string[] {
  if (expression.kind === "column") return [expression.path];
  return expression.kind === "call" ? expression.args.flatMap(datesOf) : [];
}

function isOwnDate(scope: Scope, path: string): boolean {
  return !path.includes(".") && scope.find(path).type === "date";
}
