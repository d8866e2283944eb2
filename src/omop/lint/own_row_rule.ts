/** A rule about persons with another row: the query's row may be that row itself. */
import type { OmopQuery } from "../query/mod.ts";
import { isRecord } from "../../lib/is_record.ts";
import type { LintWarning } from "./warning.ts";

/**
 * Criteria that each row of the query meets by itself. They are about the same table, in overlapping time or in a window that includes the row's
 * own day, and have no condition that the query does not have. A readmission within 0 to 30 days is then every admission.
 *
 * @param query The query.
 */
export function ownRow(query: OmopQuery): readonly LintWarning[] {
  const { persons } = query;
  const chosen = new Set((query.filters ?? []).map(asText));
  const criteria = [
    ...(persons?.with ?? []).map((one, at) => ({ one, written: `persons.with[${at}]` })),
    ...(persons?.without ?? []).map((one, at) => ({ one, written: `persons.without[${at}]` })),
  ];
  return criteria.flatMap(({ one, written }): readonly LintWarning[] => {
    const { table, cohort, filters, window, overlaps, at_least } = one;
    const isSame = cohort === undefined && typeof table === "string" && table.toLowerCase() === query.table &&
      (at_least === undefined || at_least === 1) &&
      (Array.isArray(filters) ? filters : []).every((filter) => chosen.has(asText(filter)));
    const isOwnDay = overlaps === true || isRecord(window) && window["of"] !== "end" && hasDay0(window);
    if (!isSame || !isOwnDay) return [];
    return [{
      rule: "own-row",
      problem: `Each row of ${query.table} meets ${written} by itself`,
      fix: overlaps === true
        ? "Add a condition on the other row to its filters"
        : "For another row, begin the window after the day: from: 1; or count the row, too: at_least: 2",
    }];
  });
}

function hasDay0({ from, to }: Readonly<Record<string, unknown>>): boolean {
  return (typeof from !== "number" || from <= 0) && (typeof to !== "number" || to >= 0);
}

/** A text that does not depend on the order of a filter's fields. */
function asText(filter: unknown): string {
  return JSON.stringify(
    isRecord(filter) ? Object.entries(filter).toSorted(([a], [b]) => a < b ? -1 : 1) : filter,
  );
}
