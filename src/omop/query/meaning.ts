import { isRecord } from "../../lib/is_record.ts";
import { writtenItems } from "../concepts/mod.ts";
import { eventDate } from "./event_date.ts";
import type { ResolvedQuery } from "./resolve.ts";
import type { OmopFilter, OmopQuery, PersonCriterion } from "./schema.ts";

/** Values of a list that the line shows. */
const SHOWN = 5;

/**
 * What a query means, so that its caller can see whether it is the question that was meant.
 *
 * @param query The query.
 * @param resolved Its names.
 * @returns One line.
 */
export function queryMeaning(query: OmopQuery, { outputs, scope, groupBy }: ResolvedQuery): string {
  const aggregates = outputs.flatMap((output) => output.kind === "aggregate" ? [output] : []);
  const what = aggregates.length === 0
    ? groupBy.length === 0 ? "rows" : "groups"
    : aggregates.map(({ fn, of }) =>
      fn === "count_persons" ? "number of persons" : of === undefined ? "number of rows" : `${fn} of ${of}`
    ).join(", ");
  const parts = [
    `${what} of ${query.table}${query.cohort === undefined ? "" : ` ${query.cohort}`}`,
    whereText(query.filters),
  ];
  const criteria = [
    ...(query.persons?.with ?? []).map((one) => ({ one, of: "; of persons with" })),
    ...(query.persons?.without ?? []).map((one) => ({ one, of: "; of persons without" })),
  ];
  // Without per_person, there is one stage.
  const isBefore = (one: PersonCriterion | Unread) =>
    query.per_person !== undefined && one.before_per_person === true;
  for (const { one, of } of criteria) if (isBefore(one)) parts.push(`${of} ${criterion(one)}`);
  if (query.per_person !== undefined) {
    parts.push(`; of those each person's ${query.per_person} by ${eventDate(scope.table) ?? "date"}`);
    const then = query.then_filters ?? [];
    parts.push(whereText(then, "; kept if "));
  }
  for (const { one, of } of criteria) if (!isBefore(one)) parts.push(`${of} ${criterion(one)}`);
  if (groupBy.length > 0) parts.push(`; for each ${groupBy.map(({ written }) => written).join(", ")}`);
  parts.push(whereText(query.having ?? [], "; groups where "));
  return parts.join("");
}

type Unread = Readonly<Record<string, unknown>>;

/**
 * Conditions in words.
 *
 * @param filters The conditions, which must all hold.
 * @param before What the text begins with.
 * @returns An empty text if there are none.
 */
export function whereText(filters: readonly (OmopFilter | Unread)[] | undefined, before = " where "): string {
  return filters === undefined || filters.length === 0 ? "" : before + filters.map(condition).join(" and ");
}

function condition(filter: OmopFilter | Unread): string {
  for (const kind of ["or", "and", "not"] as const) {
    const list = filter[kind];
    if (!Array.isArray(list)) continue;
    const inner = list.map(condition).join(kind === "or" ? " or " : " and ");
    return kind === "not" ? `not (${inner})` : `(${inner})`;
  }
  const { column, op, value } = filter;
  return [
    column,
    op === "in_concept_set" ? "in the concept set" : op,
    value === undefined ? "" : shown(op === "in_concept_set" ? writtenItems(value) : value),
  ]
    .filter((part) => part !== "").join(" ");
}

function shown(value: unknown): string {
  if (Array.isArray(value)) {
    const rest = value.length > SHOWN ? `, … ${value.length - SHOWN} more` : "";
    return `[${value.slice(0, SHOWN).map(shown).join(", ")}${rest}]`;
  }
  if (typeof value !== "object" || value === null) return String(value);
  return isRecord(value) && Object.hasOwn(value, "concept_id") ? conceptItem(value) : JSON.stringify(value);
}

function conceptItem(item: Unread): string {
  const flags = [
    item["include_descendants"] === true ? " with descendants" : "",
    item["include_mapped"] === true ? " with mapped" : "",
  ].join("");
  return `${item["exclude"] === true ? "without " : ""}${String(item["concept_id"])}${flags}`;
}

function criterion(one: PersonCriterion | Unread): string {
  const { table, cohort, filters, window, at_least, overlaps } = one;
  const count = at_least === undefined ? "" : `at least ${String(at_least)} rows of `;
  const name = cohort === undefined ? String(table) : `cohort ${String(cohort)}`;
  return `${count}${name}${Array.isArray(filters) ? whereText(filters) : ""}${
    typeof window === "object" && window !== null
      ? `, ${Reflect.get(window, "from") ?? "any number of"} to ${
        Reflect.get(window, "to") ?? "any number of"
      } days from the row's ${Reflect.get(window, "of") === "end" ? "end" : "date"}`
      : ""
  }${overlaps === true ? ", whose time overlaps the row's" : ""}`;
}
