/** The functions of a query's columns: parts of dates, ages, days, bands. */
import { type RawBuilder, sql } from "kysely";
import { OmcpError } from "../../errors.ts";
import { closestNames } from "../../lib/closest_names.ts";
import { completedYears } from "../age.ts";
import type { Expression } from "./expression.ts";
import type { Value, ValueFinder } from "./value.ts";
import { isDate } from "./values.ts";

type Call = Extract<Expression, { readonly kind: "call" }>;
type Maker = (scope: ValueFinder, args: readonly Expression[]) => Value;

/** How each is written. */
const USAGE = {
  year: "year(condition_start_date)",
  quarter: "quarter(condition_start_date)",
  month: "month(condition_start_date)",
  day: "day(condition_start_date)",
  age_at: "age_at(condition_start_date)",
  days_between: "days_between(visit_start_date, visit_end_date)",
  band: "band(age_at(condition_start_date), 0, 40, 60, 80)",
} as const;

/** The names of the functions. */
const COLUMN_FUNCTIONS: readonly string[] = Object.keys(USAGE);

const MAKERS: ReadonlyMap<string, Maker> = new Map<string, Maker>([
  ...(["year", "quarter", "month", "day"] as const).map((part): [string, Maker] => [part, datePart(part)]),
  ["age_at", ageAt],
  ["days_between", daysBetween],
  ["band", band],
]);

/** Other names of the functions. */
const SYNONYMS: ReadonlyMap<string, string> = new Map([
  ["age", "age_at"],
  ["date_diff", "days_between"],
  ["datediff", "days_between"],
  ["width_bucket", "band"],
]);

/**
 * Resolves a call.
 *
 * - `year`, `quarter`, `month`, `day` of a date: an integer.
 * - `age_at(date)`: completed years of the row's person on a date. The birth is `birth_datetime`; without it `year_of_birth`
 *   with month and day, of which a missing one counts as 1.
 * - `days_between(a, b)`: days from a to b, negative if b is earlier; times of day do not count.
 * - `band(x, edge, edge…)`: the highest edge that is at most x; null below the first.
 *
 * @param scope Where the columns are.
 * @param call The call; a date may also be a constant, YYYY-MM-DD.
 * @throws {OmcpError} `invalid_argument` for an unknown function or arguments that do not fit.
 */
export function callFunction(scope: ValueFinder, { fn, args }: Call): Value {
  const maker = MAKERS.get(fn);
  if (maker !== undefined) return maker(scope, args);
  const meant = SYNONYMS.get(fn) ?? closestNames(fn, COLUMN_FUNCTIONS)[0];
  throw new OmcpError("invalid_argument", `No function ${JSON.stringify(fn)}`, {
    next: meant === undefined
      ? `The functions are: ${Object.values(USAGE).join("; ")}. Statistics belong in aggregates.`
      : `Did you mean ${Object.entries(USAGE).find(([name]) => name === meant)?.[1] ?? meant}?`,
  });
}

function datePart(part: "year" | "quarter" | "month" | "day"): Maker {
  return function make(scope, args) {
    const date = dateOf(scope, only(args, 1, part)[0], part);
    return integer(sql`cast(extract(${sql.raw(part)} from ${date.sql}) as integer)`, `${part}_${date.name}`);
  };
}

function ageAt(scope: ValueFinder, args: readonly Expression[]): Value {
  const date = dateOf(scope, only(args, 1, "age_at")[0], "age_at");
  const prefix = scope.table.name === "person" ? "" : "person.";
  const born = (name: string) => scope.find(`${prefix}${name}`).sql;
  return integer(completedYears(date.sql, born), "age");
}

function daysBetween(scope: ValueFinder, args: readonly Expression[]): Value {
  const [from, to] = only(args, 2, "days_between").map((arg) => dateOf(scope, arg, "days_between"));
  if (from === undefined || to === undefined) throw misused("days_between");
  return integer(sql`(${to.sql} - ${from.sql})`, "days");
}

function band(scope: ValueFinder, [of, ...edges]: readonly Expression[]): Value {
  if (of === undefined || edges.length === 0 || edges.length > 50) throw misused("band");
  const value = scope.resolve(of);
  if (value.type !== "integer" && value.type !== "numeric") throw misused("band");
  const numbers = edges.map((edge) => {
    if (edge.kind !== "number") throw misused("band");
    return Number(edge.text);
  });
  if (numbers.some((edge, at) => at > 0 && edge <= (numbers[at - 1] ?? edge))) {
    throw new OmcpError("invalid_argument", "Cannot use band: its edges must rise", {
      next: `Write ${USAGE.band}.`,
    });
  }
  // Literals: a parameter in GROUP BY would not be the same expression as in SELECT.
  const cases = numbers.toReversed().map((edge) =>
    sql`when ${value.sql} >= ${sql.raw(String(edge))} then ${sql.raw(String(edge))}`
  );
  const whole = numbers.every(Number.isInteger);
  const type = whole ? "integer" : "numeric";
  return {
    name: `${value.name}_band`,
    type,
    sql: sql`cast(case ${sql.join(cases, sql` `)} end as ${sql.raw(type)})`,
    written: "band",
  };
}

/** A date, of a column or a constant. */
function dateOf(scope: ValueFinder, arg: Expression | undefined, fn: keyof typeof USAGE): Value {
  if (arg === undefined) throw misused(fn);
  if (arg.kind === "date") {
    if (!isDate(arg.text)) throw misused(fn);
    return { name: "date", type: "date", sql: sql`cast(${sql.lit(arg.text)} as date)`, written: arg.text };
  }
  const value = scope.resolve(arg);
  if (value.type === "date") return value;
  if (value.type === "timestamp") return { ...value, sql: sql`cast(${value.sql} as date)` };
  throw new OmcpError(
    "invalid_argument",
    `Cannot use ${fn} of ${value.written}: it is ${value.type}, not a date`,
    {
      next: `Write it as in ${USAGE[fn]}.`,
    },
  );
}

function only(args: readonly Expression[], count: number, fn: keyof typeof USAGE): readonly Expression[] {
  if (args.length !== count) throw misused(fn);
  return args;
}

function misused(fn: keyof typeof USAGE): OmcpError {
  return new OmcpError("invalid_argument", `Cannot read the arguments of ${fn}`, {
    next: `Write it as in ${USAGE[fn]}.`,
  });
}

function integer(value: RawBuilder<unknown>, name: string): Value {
  return { name, type: "integer", sql: value, written: name };
}
