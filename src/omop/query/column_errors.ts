/** Errors for names that a query's table does not have, with what was probably meant. */
import { OmcpError } from "../../errors.ts";
import { closestNames } from "../../lib/closest_names.ts";
import { type CdmTable, cdmTables, type CdmVersion } from "../cdm/mod.ts";
import { eventDate, hasColumn } from "./event_date.ts";

/** The functions of parts of a date. */
const PARTS: ReadonlySet<string> = new Set(["year", "quarter", "month", "day"]);
/** Words that do not tell one date from another. */
const UNSAID: ReadonlySet<string> = new Set(["of", "the", "date", "datetime"]);

/** Where a name was looked for. */
export interface Lookup {
  readonly version: CdmVersion;
  /** The query's table. */
  readonly table: CdmTable;
  /** The table that should have the column: the query's, or one that the prefix leads to. */
  readonly place: CdmTable;
  /** The steps before the column's name, such as `["person"]`. */
  readonly prefix: readonly string[];
  /** The names that the query gives to columns of its result → the columns as written. */
  readonly named?: ReadonlyMap<string, string>;
}

/**
 * Builds the error of an unknown column.
 *
 * @param lookup Where it was looked for.
 * @param name The name.
 * @returns `invalid_argument`; its next step has the names that resemble it, and where else the name occurs.
 */
export function unknownColumn(lookup: Lookup, name: string): OmcpError {
  const { place, prefix } = lookup;
  const names = place.columns.map((column) => column.name);
  const before = prefix.map((step) => `${step}.`).join("");
  const close = closestNames(name, names);
  const special = namedHint(lookup, name) ?? misspeltPrefix(name, lookup) ??
    specialHint(lookup, name, before);
  const hints = special !== undefined ? [special] : [
    close.length > 0
      ? `Did you mean ${close.map((one) => before + one).join(" or ")}?`
      : `Its columns are: ${names.map((one) => before + one).join(", ")}.`,
    ...elsewhere(lookup, name),
  ];
  return new OmcpError("invalid_argument", `The table ${place.name} has no column ${JSON.stringify(name)}`, {
    next: hints.join(" "),
  });
}

/** For a name that the query gives to a column of its result: other lists have the column itself. */
function namedHint({ named, prefix }: Lookup, name: string): string | undefined {
  const written = prefix.length > 0 ? undefined : named?.get(name);
  return written === undefined
    ? undefined
    : `Write ${written}: ${name} is its name in the result, and in order_by.`;
}

/** For a name that the table does not have: where else it occurs. */
function elsewhere({ version, table, place }: Lookup, name: string): string[] {
  if (place !== table && hasColumn(table, name)) return [`For the column of ${table.name}, write ${name}.`];
  const prefixes = joinable(version, table).filter((one) => hasColumn(one.table, name)).map((one) =>
    one.prefix
  );
  if (prefixes.includes("person")) return [`For the person's column, write person.${name}.`];
  if (prefixes[0] !== undefined) {
    return [`For the column of its ${prefixes[0]}, write ${prefixes[0]}.${name}.`];
  }
  const others = cdmTables(version).filter((one) => hasColumn(one, name)).map((one) => one.name);
  if (others.length === 0) return [];
  const more = others.length > 3 ? ` and ${others.length - 3} more` : "";
  return [`Tables that have ${name}: ${others.slice(0, 3).join(", ")}${more}.`];
}

/** The tables to which a row's keys lead, except those of concepts, to which every table leads. */
function joinable(
  version: CdmVersion,
  table: CdmTable,
): { readonly prefix: string; readonly table: CdmTable }[] {
  const tables = cdmTables(version);
  return table.columns.flatMap(({ name, references, primaryKey }) => {
    const target = tables.find((one) => one.name === references?.table);
    if (target === undefined || target.name === "concept" || (primaryKey && target === table)) return [];
    return [{ prefix: name.replace(/_id$/, "").replace(/^visit_occurrence$/, "visit"), table: target }];
  });
}

/** Corrects a prefix: a column of the query's own table has none. */
function misspeltPrefix(name: string, { version, table, prefix }: Lookup): string | undefined {
  const dot = name.indexOf(".");
  if (dot < 0 || prefix.length > 0) return undefined;
  const [before, column] = [name.slice(0, dot), name.slice(dot + 1)];
  const joins = joinable(version, table);
  const close = closestNames(before, joins.map((one) => one.prefix));
  const having = joins.filter((one) => hasColumn(one.table, column)).map((one) => one.prefix);
  const joined = close.find((one) => having.includes(one)) ?? having[0];
  const other = joined === undefined ? undefined : `${joined}.${column}`;
  const own = hasColumn(table, column) ? column : undefined;
  const meant = close.length > 0 ? other ?? own : own ?? other;
  if (meant !== undefined) return `Did you mean ${meant}?`;
  const allowed = joins.map((one) => `${one.prefix}.`).join(", ");
  return allowed === "" ? undefined : `Prefixes that ${table.name} allows: ${allowed} or none.`;
}

/** What to write instead of `*`, an age, or the name of a concept. */
function specialHint({ table, place, prefix }: Lookup, name: string, before: string): string | undefined {
  if (name === "*") return "For all columns, omit columns; to count rows, omit the aggregate's column.";
  if (/^(?:age|age_years|age_at_\w+|current_age)$/.test(name)) {
    const date = eventDate(table) ?? "2020-12-31";
    return `The CDM has no age: write age_at(${date}), completed years on that date, ` +
      `or with a name: age_at(${date}) as age.`;
  }
  if (/^age_?(?:group|band|class|range|category)s?$/.test(name)) {
    const date = eventDate(table) ?? "2020-12-31";
    return `Write band(age_at(${date}), 0, 20, 40, 60, 80) as ${name}: the youngest age of each group.`;
  }
  const part = datePart(place, name);
  if (part !== undefined) return `Write ${part.fn}(${before}${part.date}).`;
  if (/^(?:sex|gender)$/.test(name)) {
    return `Write ${table.name === "person" ? "" : "person."}gender_concept_id (8507 male, 8532 female).`;
  }
  if (!/(?:^|_)concept_name(?:_\d)?$/.test(name)) return undefined;
  const id = name.replace("concept_name", "concept_id");
  const ids = hasColumn(place, id)
    ? [id]
    : place.columns.map((column) => column.name).filter((one) => /_concept_id$/.test(one));
  if (ids.length === 0 || prefix.length > 1) return undefined;
  return `The table has the concepts' ids: ${ids.map((one) => before + one).join(", ")}. ` +
    'Find an id with query_omop (table concept, filters [{"column":"concept_name","op":"ilike","value":"%diabetes%"}]) and filter by it. ' +
    "For names in the result, add concept_name: true.";
}

/** For a name such as condition_start_year or year_of_visit: the function, and the date that the name's other words belong to. */
function datePart(
  place: CdmTable,
  name: string,
): { readonly fn: string; readonly date: string } | undefined {
  const words = name.split("_");
  const fn = words.find((word) => PARTS.has(word));
  // person has year_of_birth, which is closer.
  if (fn === undefined || place.columns.some((column) => column.name.split("_").includes(fn))) {
    return undefined;
  }
  const rest = words.filter((word) => word !== fn && !UNSAID.has(word));
  const has = (text: string) => rest.every((word) => text.split("_").includes(word));
  const dates = place.columns.filter(({ type }) => type === "date").map((column) => column.name);
  const usual = eventDate(place);
  const date = usual !== undefined && (has(usual) || has(place.name)) ? usual : dates.find(has);
  return date === undefined ? undefined : { fn, date };
}
