import { OmcpError } from "../../errors.ts";
import {
  type CdmColumn,
  type CdmTable,
  cdmTable,
  cdmTables,
  type CdmVersion,
  closestNames,
} from "../cdm/mod.ts";
import type { AggregateFunction, OmopAggregate, OmopQuery } from "./schema.ts";

/** The types a result's column may have; `varchar` is told as `text`. */
export type ResultType = "integer" | "bigint" | "numeric" | "date" | "timestamp" | "text";

/** A column of a query's result. */
export interface ResultColumn {
  readonly name: string;
  readonly type: ResultType;
}

/** A table's column in the result. */
export interface PlainOutput extends ResultColumn {
  readonly kind: "column";
}

/** A concept's name in the result, looked up by a column of the table. */
export interface ConceptNameOutput extends ResultColumn {
  readonly kind: "concept_name";
  /** The table's column with the concept's id. */
  readonly by: string;
}

/** A computed value in the result. */
export interface AggregateOutput extends ResultColumn {
  readonly kind: "aggregate";
  readonly fn: AggregateFunction;
  readonly column: string | undefined;
  readonly distinct: boolean;
}

/** A query whose every name is known to exist. */
export interface ResolvedQuery {
  readonly table: CdmTable;
  readonly grouped: boolean;
  readonly groupBy: readonly string[];
  readonly outputs: readonly (PlainOutput | ConceptNameOutput | AggregateOutput)[];
  readonly order: readonly { readonly name: string; readonly descending: boolean }[];
}

/**
 * Checks the names of a query against the CDM.
 *
 * @param query The query.
 * @param version The CDM's version.
 * @returns What to select, group and sort by.
 * @throws {OmcpError} `invalid_argument` for an unknown or misused name, with the closest names in `next`.
 */
export function resolveQuery(query: OmopQuery, version: CdmVersion): ResolvedQuery {
  const table = cdmTable(version, query.table);
  const grouped = query.group_by !== undefined || query.aggregates !== undefined;
  const groupBy = query.group_by ?? [];
  for (const name of groupBy) findColumn(table, name, version);
  refuseDuplicates(groupBy, "group_by");
  const chosen = query.columns ?? (grouped ? groupBy : table.columns.map((column) => column.name));
  refuseDuplicates(chosen, "columns");
  const outputs: ResolvedQuery["outputs"][number][] = [];
  for (const name of chosen) {
    const column = findColumn(table, name, version);
    if (grouped && !groupBy.includes(name)) throw notGrouped(name);
    outputs.push({ kind: "column", name, type: resultType(column) });
    const conceptName = query.concept_name === true ? conceptNameOf(table, column) : undefined;
    if (conceptName !== undefined) {
      outputs.push({ kind: "concept_name", name: conceptName, by: name, type: "text" });
    }
  }
  for (const aggregate of query.aggregates ?? []) outputs.push(resolveAggregate(table, aggregate, version));
  refuseDuplicates(outputs.map((output) => output.name), "the result");
  return { table, grouped, groupBy, outputs, order: resolveOrder(query, outputs) };
}

/**
 * A column of a table by name.
 *
 * @param table The table.
 * @param name The name as the caller wrote it.
 * @param version The CDM's version, for the hint.
 * @returns The column.
 * @throws {OmcpError} `invalid_argument` when there is none such.
 */
export function findColumn(table: CdmTable, name: string, version: CdmVersion): CdmColumn {
  const found = table.columns.find((column) => column.name === name);
  if (found !== undefined) return found;
  const names = table.columns.map((column) => column.name);
  const close = closestNames(name, names);
  const elsewhere = cdmTables(version).filter((other) =>
    other.columns.some((column) => column.name === name)
  );
  const hints = [
    close.length > 0 ? `Did you mean ${close.join(" or ")}?` : `Its columns are: ${names.join(", ")}.`,
    ...(elsewhere.length > 0
      ? [`There is ${name} in ${elsewhere.slice(0, 3).map((other) => other.name).join(", ")}.`]
      : []),
  ];
  throw new OmcpError("invalid_argument", `The table ${table.name} has no column ${JSON.stringify(name)}`, {
    next: hints.join(" "),
  });
}

/** The name of the added column: `gender_concept_id` → `gender_concept_name`, `concept_id_1` → `concept_name_1`. */
function conceptNameOf(table: CdmTable, column: CdmColumn): string | undefined {
  const name = column.name.replace(/(^|_)concept_id(_\d)?$/, "$1concept_name$2");
  const taken = table.columns.some((other) => other.name === name);
  // The table concept has its concept_name already.
  return column.type === "bigint" && !taken ? name : undefined;
}

function resolveAggregate(table: CdmTable, aggregate: OmopAggregate, version: CdmVersion): AggregateOutput {
  const { fn } = aggregate;
  const distinct = aggregate.distinct ?? false;
  const name = aggregate.as ??
    [fn, distinct ? "distinct" : "", aggregate.column ?? ""].filter(Boolean).join("_");
  if (aggregate.column === undefined) {
    if (fn === "count" && !distinct) {
      return { kind: "aggregate", name, fn, column: undefined, distinct, type: "bigint" };
    }
    throw new OmcpError(
      "invalid_argument",
      `Cannot compute ${distinct ? `${fn} distinct` : fn} without a column`,
      {
        next: 'Name one, as in {"fn":"count","column":"person_id","distinct":true}.',
      },
    );
  }
  const column = findColumn(table, aggregate.column, version);
  if (fn === "median" && distinct) {
    throw new OmcpError("invalid_argument", "Cannot compute a median of distinct values", {
      next: "Leave distinct out.",
    });
  }
  const arithmetic = fn !== "count" && fn !== "min" && fn !== "max";
  if (arithmetic && column.type !== "integer" && column.type !== "numeric") {
    const what = column.type === "bigint" ? "an identifier" : column.type;
    throw new OmcpError(
      "invalid_argument",
      `Cannot compute ${fn} of ${column.name}: it is ${what}, no quantity`,
      {
        next: "Use count, min or max, or a numeric column such as value_as_number.",
      },
    );
  }
  return { kind: "aggregate", name, fn, column: column.name, distinct, type: aggregateType(fn, column) };
}

/** The types Postgres computes: a sum of integers is a bigint, its average a numeric. */
function aggregateType(fn: AggregateFunction, column: CdmColumn): ResultType {
  if (fn === "count") return "bigint";
  if (fn === "min" || fn === "max") return resultType(column);
  return fn === "sum" && column.type === "integer" ? "bigint" : "numeric";
}

function resultType(column: CdmColumn): ResultType {
  return column.type === "varchar" ? "text" : column.type;
}

function resolveOrder(query: OmopQuery, outputs: readonly ResultColumn[]): ResolvedQuery["order"] {
  const names = outputs.map((output) => output.name);
  const order = (query.order_by ?? []).map(function resolve(entry) {
    const written = typeof entry === "string" ? entry : entry.column;
    const minus = typeof entry === "string" && entry.startsWith("-");
    const name = minus ? written.slice(1) : written;
    if (!names.includes(name)) {
      const close = closestNames(name, names);
      throw new OmcpError(
        "invalid_argument",
        `Cannot order by ${JSON.stringify(name)}: it is not in the result`,
        {
          next: close.length > 0
            ? `Did you mean ${close.join(" or ")}?`
            : `The result has: ${names.join(", ")}.`,
        },
      );
    }
    return { name, descending: minus || (typeof entry !== "string" && entry.direction === "desc") };
  });
  refuseDuplicates(order.map((entry) => entry.name), "order_by");
  return order;
}

function notGrouped(name: string): OmcpError {
  return new OmcpError(
    "invalid_argument",
    `Cannot return ${name}: with aggregates, columns must be in group_by`,
    {
      next: `Add ${name} to group_by, or leave it out of columns.`,
    },
  );
}

function refuseDuplicates(names: readonly string[], where: string): void {
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice === undefined) return;
  throw new OmcpError("invalid_argument", `The name ${JSON.stringify(twice)} is twice in ${where}`, {
    next: where === "the result" ? "Give the aggregate another name with `as`." : "Name it once.",
  });
}
