/** Warnings on a typed query. */
import { isRecord } from "../../lib/is_record.ts";
import { conditionsIn, type WrittenCondition } from "../query/conditions.ts";
import type { OmopQuery } from "../query/mod.ts";
import type { CdmVersion } from "../cdm/mod.ts";
import { writtenItems } from "../concepts/mod.ts";
import { queryAbsence } from "./absence_rules.ts";
import { conceptIdWarning, sourceValueWarning } from "./concept_rules.ts";
import { countsPeople, mixedWarning, personsWarning } from "./count_rules.ts";
import { EVENT_TABLES } from "./columns.ts";
import { ownRow } from "./own_row_rule.ts";
import type { LintWarning } from "./warning.ts";

const STATISTICS: ReadonlySet<string> = new Set([
  "avg",
  "sum",
  "min",
  "max",
  "stddev",
  "median",
  "percentile",
]);

/**
 * Looks for mistakes in a typed query that runs.
 *
 * @param query The query.
 * @param version The CDM's version.
 * @returns Warnings, each rule once.
 */
export function lintQuery(query: OmopQuery, version: CdmVersion): readonly LintWarning[] {
  const { table, aggregates = [], group_by = [] } = query;
  const conditions = conditionsIn(query, table);
  const found = [
    ...conditions.flatMap(conditionWarnings),
    ...aggregates.flatMap(({ fn, distinct, as = null }) =>
      fn === "count" && distinct !== true && countsPeople(as) && EVENT_TABLES.has(table)
        ? [personsWarning(as ?? "", table)]
        : []
    ),
    ...(table === "measurement" &&
        aggregates.some(({ fn, column }) => STATISTICS.has(fn) && column === "value_as_number") &&
        ![...conditions.map(({ column }) => column), ...group_by].includes("measurement_concept_id")
      ? [mixedWarning()]
      : []),
    ...ownRow(query),
    ...queryAbsence(query, version),
  ];
  return [...new Map(found.map((each) => [each.rule, each])).values()];
}

function conditionWarnings(condition: WrittenCondition): readonly LintWarning[] {
  const { table, column, op, value } = condition;
  const name = column.split(".").at(-1) ?? column;
  if (name.endsWith("_source_value") && value !== undefined && value !== null) {
    return [sourceValueWarning(table, name)];
  }
  if (!/concept_id$/.test(name) || op !== "=" && op !== "in" && op !== "in_concept_set") return [];
  const ids = writtenItems(value).map((item) => String(isRecord(item) ? item["concept_id"] : item));
  const found = conceptIdWarning(name, ids);
  return found === undefined ? [] : [found];
}
