import { whereText } from "../query/meaning.ts";
import type { DisclosedGroup } from "./compile.ts";
import type { DisclosedQuery } from "./schema.ts";

/**
 * What a query of numbers means, so that its caller can see whether it is the question that was meant.
 *
 * @param query The query.
 * @param groups Its groups, as they were compiled.
 * @returns One line.
 */
export function disclosedMeaning(query: DisclosedQuery, groups: readonly DisclosedGroup[]): string {
  const { table, cohort, filters, persons } = query;
  const numbers = (query.aggregates ?? []).filter(({ fn }) => fn !== "count_persons").map(aggregate);
  const sets = (names: readonly { readonly cohort: string }[] = [], how: string) =>
    names.map((one) => `; of persons ${how} cohort ${one.cohort}`);
  return [
    `${["number of persons", ...numbers].join(", ")} of ${table}${cohort === undefined ? "" : ` ${cohort}`}`,
    whereText(filters),
    ...sets(persons?.with, "in"),
    ...sets(persons?.without, "not in"),
    groups.length === 0 ? "" : `; for each ${groups.map(groupText).join(", ")}`,
  ].join("");
}

function aggregate({ fn, column, p }: NonNullable<DisclosedQuery["aggregates"]>[number]): string {
  if (column === undefined || column === "*") {
    return fn === "count" ? "number of records" : fn.replace("_", "-");
  }
  if (fn === "count") return `number of records with ${column}`;
  return `${fn}${p === undefined ? "" : ` ${p}`} of ${column}`;
}

function groupText({ name, use }: DisclosedGroup): string {
  if (use === "date") return `month of ${name}`;
  return use === "birth" ? `five years of ${name}` : name;
}
