import { OmcpError } from "../../errors.ts";
import { type CdmColumn, type CdmTable, type CdmVersion } from "../cdm/mod.ts";
import { closestNames } from "../../lib/closest_names.ts";
import { type SourceColumn, SourceColumns } from "./columns.ts";
import type { AggregateFunction, OmopAggregate, OmopFilter, OmopQuery } from "./schema.ts";

/** The types of a result's columns; `varchar` is reported as `text`. */
export type ResultType = "integer" | "bigint" | "numeric" | "date" | "timestamp" | "text";

/** A column of a query's result. */
export interface ResultColumn {
  readonly name: string;
  readonly type: ResultType;
}

/** A column that the result has unchanged. */
export interface PlainOutput extends ResultColumn {
  readonly kind: "column";
  readonly source: SourceColumn;
}

/** A concept's name in the result. */
export interface ConceptNameOutput extends ResultColumn {
  readonly kind: "concept_name";
  /** The result's column with the concept's id. */
  readonly by: PlainOutput;
}

/** A computed value in the result. */
export interface AggregateOutput extends ResultColumn {
  readonly kind: "aggregate";
  readonly fn: AggregateFunction;
  /** The column it is computed from; undefined if it counts rows. */
  readonly source: SourceColumn | undefined;
  readonly distinct: boolean;
}

/** A query whose every name is known to exist. */
export interface ResolvedQuery {
  readonly table: CdmTable;
  /** Whether the query uses a column of the person, which must then be joined. */
  readonly joinsPerson: boolean;
  readonly filters: readonly { readonly filter: OmopFilter; readonly source: SourceColumn }[];
  readonly grouped: boolean;
  readonly groupBy: readonly SourceColumn[];
  readonly outputs: readonly (PlainOutput | ConceptNameOutput | AggregateOutput)[];
  readonly order: readonly { readonly name: string; readonly descending: boolean }[];
}

/**
 * Checks the names of a query against the CDM.
 *
 * @param query The query.
 * @param version The CDM's version.
 * @returns What to select, filter, group and sort by.
 * @throws {OmcpError} `invalid_argument` for an unknown or misused name, with the closest names in `next`.
 */
export function resolveQuery(query: OmopQuery, version: CdmVersion): ResolvedQuery {
  const known = new SourceColumns(version, query.table);
  const { table } = known;
  const grouped = query.group_by !== undefined || query.aggregates !== undefined;
  const groupNames = query.group_by ?? [];
  const groupBy = groupNames.map((name) => known.find(name));
  refuseDuplicates(groupNames, "group_by");
  const chosen = query.columns ?? (grouped ? groupNames : table.columns.map((column) => column.name));
  refuseDuplicates(chosen, "columns");
  const outputs: ResolvedQuery["outputs"][number][] = [];
  for (const name of chosen) {
    const source = known.find(name);
    if (grouped && !groupNames.includes(name)) throw notGrouped(name);
    const by: PlainOutput = { kind: "column", name: source.name, type: resultType(source.column), source };
    outputs.push(by);
    const conceptName = query.concept_name === true ? conceptNameOf(table, source) : undefined;
    if (conceptName !== undefined) {
      outputs.push({ kind: "concept_name", name: conceptName, by, type: "text" });
    }
  }
  for (const aggregate of query.aggregates ?? []) outputs.push(resolveAggregate(known, aggregate));
  refuseDuplicates(outputs.map((output) => output.name), "the result");
  const filters = (query.filters ?? []).map((filter) => ({ filter, source: known.find(filter.column) }));
  const used = [
    ...groupBy,
    ...filters.map(({ source }) => source),
    ...outputs.map((output) => output.kind === "concept_name" ? output.by.source : output.source),
  ];
  const joinsPerson = used.some((source) => source?.alias === "p");
  return {
    table,
    joinsPerson,
    filters,
    grouped,
    groupBy,
    outputs,
    order: resolveOrder(query, known, { outputs, grouped }),
  };
}

/** The name of the added column: `gender_concept_id` → `gender_concept_name`, `concept_id_1` → `concept_name_1`. */
function conceptNameOf(table: CdmTable, { name: id, column }: SourceColumn): string | undefined {
  const name = id.replace(/(^|_)concept_id(_\d)?$/, "$1concept_name$2");
  // The table concept has its concept_name already.
  const taken = table.columns.some((other) => other.name === name);
  return column.type === "bigint" && name !== id && !taken ? name : undefined;
}

function resolveAggregate(known: SourceColumns, aggregate: OmopAggregate): AggregateOutput {
  const { fn } = aggregate;
  const distinct = aggregate.distinct ?? false;
  // As in SQL's `count(*)`.
  const written = aggregate.column === "*" ? undefined : aggregate.column;
  const source = written === undefined ? undefined : known.find(written);
  const name = aggregate.as ??
    [fn, distinct ? "distinct" : "", source?.name ?? ""].filter(Boolean).join("_");
  if (source === undefined) {
    if (fn === "count" && !distinct) return { kind: "aggregate", name, fn, source, distinct, type: "bigint" };
    throw new OmcpError(
      "invalid_argument",
      `Cannot compute ${distinct ? `${fn} distinct` : fn} without a column`,
      {
        next: `Name one, as in ${
          JSON.stringify(
            distinct
              ? { fn, column: fn === "count" ? "person_id" : "value_as_number", distinct }
              : { fn, column: "value_as_number" },
          )
        }.`,
      },
    );
  }
  const { column } = source;
  if (fn === "median" && distinct) {
    throw new OmcpError("invalid_argument", "Cannot compute a median of distinct values", {
      next: "Omit distinct.",
    });
  }
  const arithmetic = fn !== "count" && fn !== "min" && fn !== "max";
  if (arithmetic && column.type !== "integer" && column.type !== "numeric") {
    const what = column.type === "bigint" ? "an identifier" : column.type;
    throw new OmcpError(
      "invalid_argument",
      `Cannot compute ${fn} of ${aggregate.column}: it is ${what}, not a quantity`,
      {
        next: "Use count, min or max, or a numeric column such as value_as_number.",
      },
    );
  }
  return { kind: "aggregate", name, fn, source, distinct, type: aggregateType(fn, column) };
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

function resolveOrder(
  query: OmopQuery,
  known: SourceColumns,
  { outputs, grouped }: Pick<ResolvedQuery, "outputs" | "grouped">,
): ResolvedQuery["order"] {
  const names = outputs.map((output) => output.name);
  const order = (query.order_by ?? []).map(function resolve(entry) {
    const { asked, descending } = typeof entry === "string"
      ? writtenOrder(entry)
      : { asked: entry.column, descending: entry.direction === "desc" };
    // The result has no name with a dot, but one of its columns may have that source.
    const name = asked.includes(".") ? known.find(asked).name : asked;
    if (!names.includes(name)) {
      const close = closestNames(name, names);
      throw new OmcpError(
        "invalid_argument",
        `Cannot order by ${JSON.stringify(asked)}: it is not in the result`,
        {
          next: [
            close.length > 0
              ? `Did you mean ${close.join(" or ")}?`
              : `The result's columns are: ${names.join(", ")}.`,
            ...(known.has(asked)
              ? [`To sort by ${asked}, add it to ${grouped ? "group_by" : "columns"}.`]
              : []),
            ...(/\s/.test(asked) ? ['Write a name, or "-name" for descending.'] : []),
          ].join(" "),
        },
      );
    }
    return { name, descending };
  });
  refuseDuplicates(order.map((entry) => entry.name), "order_by");
  return order;
}

/** `-n` and, as in SQL, `n desc` or `n asc`. */
function writtenOrder(entry: string): { readonly asked: string; readonly descending: boolean } {
  const [, minus = "", asked = entry, direction] = /^(-?)\s*(\S+)(?:\s+(asc|desc))?$/.exec(entry.trim()) ??
    [];
  // With both, the direction would be ambiguous.
  if (minus !== "" && direction !== undefined) return { asked: entry, descending: false };
  return { asked, descending: minus !== "" || direction === "desc" };
}

function notGrouped(name: string): OmcpError {
  return new OmcpError(
    "invalid_argument",
    `Cannot return ${name}: with aggregates, columns must be in group_by`,
    {
      next: `Add ${name} to group_by, or remove it from columns.`,
    },
  );
}

function refuseDuplicates(names: readonly string[], where: string): void {
  const duplicate = names.find((name, at) => names.indexOf(name) !== at);
  if (duplicate === undefined) return;
  throw new OmcpError("invalid_argument", `Duplicate name ${JSON.stringify(duplicate)} in ${where}`, {
    next: where === "the result" ? "Give the aggregate another name with `as`." : "Use each name once.",
  });
}
