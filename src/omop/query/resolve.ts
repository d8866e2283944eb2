import { type RawBuilder, sql } from "kysely";
import { OmcpError } from "../../errors.ts";
import type { CdmVersion } from "../cdm/mod.ts";
import { closestNames } from "../../lib/closest_names.ts";
import { type AggregateOutput, resolveAggregate } from "./aggregates.ts";
import { MAX_NAME, Scope } from "./columns.ts";
import { tableOf } from "./cohort_table.ts";
import { refuseDuplicates } from "./duplicates.ts";
import type { Value } from "./value.ts";
import { hasColumn } from "./event_date.ts";
import { type ResultColumn, resultType } from "./result_type.ts";
import type { OmopQuery } from "./schema.ts";

/** A column that the result has unchanged. */
export interface PlainOutput extends ResultColumn {
  readonly kind: "column";
  readonly source: Value;
}

/** A concept's name in the result. */
export interface ConceptNameOutput extends ResultColumn {
  readonly kind: "concept_name";
  /** The result's column with the concept's id. */
  readonly by: PlainOutput;
}

/** The units of the numbers that aggregates are computed from. */
export interface UnitsOutput extends ResultColumn {
  readonly kind: "units";
  /** The units' concepts, an array. */
  readonly sql: RawBuilder<unknown>;
}

/** A query whose every name is known to exist. */
export interface ResolvedQuery {
  /** The query's table and what was found in it. Compiling its conditions adds the joins that they need. */
  readonly scope: Scope;
  readonly grouped: boolean;
  readonly groupBy: readonly Value[];
  readonly outputs: readonly (PlainOutput | ConceptNameOutput | AggregateOutput | UnitsOutput)[];
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
  const known = new Scope(version, tableOf(query), "t", [...query.group_by ?? [], ...query.columns ?? []]);
  const { table } = known;
  const grouped = query.group_by !== undefined || query.aggregates !== undefined;
  const groupNames = query.group_by ?? [];
  const groupBy = groupNames.map((name) => known.find(name));
  refuseDuplicates(groupNames, "group_by");
  const chosen = query.columns ?? (grouped ? groupNames : table.columns.map((column) => column.name));
  refuseDuplicates(chosen, "columns");
  const outputs: ResolvedQuery["outputs"][number][] = [];
  for (const name of chosen) {
    const group = groupBy.find(({ written }) => written === name) ?? groupBy.find((one) => one.name === name);
    const source = group ?? known.find(name);
    if (grouped && group === undefined) throw notGrouped(name);
    const by: PlainOutput = { kind: "column", name: source.name, type: resultType(source.type), source };
    outputs.push(by);
    const conceptName = query.concept_name === true ? conceptNameOf(known, source) : undefined;
    if (conceptName !== undefined) {
      outputs.push({ kind: "concept_name", name: conceptName, by, type: "text" });
    }
  }
  for (const aggregate of query.aggregates ?? []) outputs.push(resolveAggregate(known, aggregate));
  outputs.push(...unitsOf(query, known));
  refuseDuplicates(
    outputs.map((output) => output.name),
    "the result",
    'Give one another name: an aggregate with `as`, a column as in "year(visit_start_date) as year".',
  );
  return {
    scope: known,
    grouped,
    groupBy,
    outputs,
    order: resolveOrder(query, known, { outputs, grouped }),
  };
}

/** The name of the added column: `gender_concept_id` → `gender_concept_name`, `concept_id_1` → `concept_name_1`. */
function conceptNameOf({ table }: Scope, { name: id, type }: Value): string | undefined {
  const name = id.replace(/(^|_)concept_id(_\d)?$/, "$1concept_name$2").slice(0, MAX_NAME);
  // The table concept has its concept_name already.
  return type === "bigint" && name !== id && !hasColumn(table, name) ? name : undefined;
}

/** A column `units` for statistics of numbers that have units, unless the groups are by unit. */
function unitsOf(query: OmopQuery, known: Scope): UnitsOutput[] {
  const numbers = ["value_as_number", "range_low", "range_high"];
  const column = query.aggregates?.find(({ fn, column }) => fn !== "count" && numbers.includes(column ?? ""))
    ?.column;
  const byUnit = query.group_by?.some((name) => name.startsWith("unit_"));
  if (column === undefined || byUnit === true || !hasColumn(known.table, "unit_concept_id")) return [];
  const units = sql`array_agg(distinct coalesce(${known.own("unit_concept_id")}, 0)) filter (where ${
    known.own(column)
  } is not null)`;
  return [{ kind: "units", name: "units", type: "text", sql: units }];
}

function resolveOrder(
  query: OmopQuery,
  known: Scope,
  { outputs, grouped }: Pick<ResolvedQuery, "outputs" | "grouped">,
): ResolvedQuery["order"] {
  const names = outputs.map((output) => output.name);
  const order = (query.order_by ?? []).map(function resolve(entry) {
    const { asked, descending } = typeof entry === "string"
      ? writtenOrder(entry)
      : { asked: entry.column, descending: entry.direction === "desc" };
    // No column of the result has such a name, but one may come from it.
    const name = /[.(]/.test(asked) ? known.find(asked).name : asked;
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
            ...(hasColumn(known.table, asked)
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
  const [, minus = "", asked = entry, direction] =
    /^(-?)\s*(\S+|[a-z_]+\(.*\))(?:\s+(asc|desc))?$/.exec(entry.trim()) ??
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
