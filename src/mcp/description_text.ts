/** A CDM's tables and columns, for a model. */
import type { AboutCdm, ColumnFacts, RowCount } from "../cdm/description/description.ts";
import { counted } from "../lib/counted.ts";
import { showable } from "../lib/text.ts";
import { type CdmColumn, type CdmGroup, type CdmTable, cdmTables, type CdmVersion } from "../omop/cdm/mod.ts";

/** Groups in the order of the overview, with their headings. */
const GROUPS: readonly (readonly [CdmGroup, string])[] = [
  ["clinical", "Clinical events"],
  ["derived", "Derived from events"],
  ["health_system", "Health system"],
  ["economics", "Costs and payers"],
  ["vocabulary", "Vocabulary"],
  ["metadata", "About the CDM"],
  ["results", "Cohorts of other tools"],
];

/** Characters of what a CDM says of itself. */
const SOURCE_CHARACTERS = 200;

/** What an overview is about. */
export interface Overview {
  readonly version: CdmVersion;
  readonly schema: string;
  /** The tables that there are. */
  readonly present: ReadonlySet<string>;
  /** Undefined: rows must not be counted. */
  readonly rows: ReadonlyMap<string, RowCount> | undefined;
  readonly about: AboutCdm | undefined;
}

/**
 * Writes an overview: a line for each table that has rows, and the names of the others.
 *
 * @param overview What there is.
 */
export function overviewText({ version, schema, present, rows, about }: Overview): string {
  const tables = cdmTables(version);
  const isEmpty = ({ name }: CdmTable): boolean => rows?.get(name)?.rows === 0;
  const missing = tables.filter(({ name }) => !present.has(name));
  const empty = tables.filter((table) => present.has(table.name) && isEmpty(table));
  return [
    `OMOP CDM ${version} in schema ${schema}: ${counted(present.size, "table")}${
      rows === undefined ? "" : ", with their rows (≈: the database's estimate)"
    }.`,
    ...aboutLines(about),
    ...GROUPS.flatMap(([group, heading]) => {
      const lines = tables
        .filter((table) => table.group === group && present.has(table.name) && !isEmpty(table))
        .map(({ name, description }) => `- ${name}${rowText(rows?.get(name))}: ${description}`);
      return lines.length === 0 ? [] : ["", `${heading}:`, ...lines];
    }),
    ...(empty.length === 0 ? [] : ["", `Empty: ${namesOf(empty)}`]),
    ...(missing.length === 0 ? [] : ["", `Not in this database: ${namesOf(missing)}`]),
    "",
    "Next: describe_cdm with table shows columns, keys and meanings; search_concepts finds concepts.",
  ].join("\n");
}

function namesOf(tables: readonly CdmTable[]): string {
  return tables.map(({ name }) => name).join(", ");
}

function aboutLines(about: AboutCdm | undefined): readonly string[] {
  if (about === undefined) return [];
  const sources = about.sources.map(([name = "", released = "", vocabulary = ""]) =>
    [
      `Source: ${short(name)}`,
      ...(released === "" ? [] : [`released ${short(released)}`]),
      ...(vocabulary === "" ? [] : [`vocabulary ${short(vocabulary)}`]),
    ].join(", ")
  );
  const { observed } = about;
  return [
    ...sources,
    ...(observed === undefined
      ? []
      : [`Observed: ${counted(observed.persons, "person")}, from ${observed.from} to ${observed.to}`]),
  ];
}

function short(text: string): string {
  const shown = showable(text);
  return shown.length <= SOURCE_CHARACTERS ? shown : `${shown.slice(0, SOURCE_CHARACTERS - 1)}…`;
}

const ROWS_BY = { exact: "", estimate: "≈ ", more: "more than " } as const;

function rowText(count: RowCount | undefined): string {
  if (count === undefined) return "";
  return ` (${ROWS_BY[count.by]}${count.rows.toLocaleString("en")})`;
}

/** What is shown of a table. */
export interface TableFacts {
  readonly table: CdmTable;
  readonly version: CdmVersion;
  /** Whether the database has it. */
  readonly present: boolean;
  readonly rows: RowCount | undefined;
  /** The columns that the database has; undefined if it is not present. */
  readonly columns: readonly ColumnFacts[] | undefined;
  /** Whether the database's statistics may be shown. */
  readonly statistics: boolean;
}

/**
 * Writes all about a table.
 *
 * @param facts What there is.
 */
export function tableText(facts: TableFacts): string {
  const { table, version, present, rows, columns = [], statistics } = facts;
  const found = new Map(columns.map((column) => [column.name, column]));
  const missing = table.columns.filter(({ name }) => !found.has(name)).map(({ name }) => name);
  const known = new Set(table.columns.map(({ name }) => name));
  const further = columns.filter(({ name }) => !known.has(name)).map(({ name, type }) => `${name} ${type}`);
  const withStatistics = statistics && columns.some(({ nulls }) => nulls !== undefined);
  const from = referencedBy(table.name, version);
  return [
    `${table.name}${rowText(rows)}: ${table.description}`,
    ...(present ? [] : ["[this database does not have it, or its role may not read it]"]),
    `column | type | key${withStatistics ? " | no value | distinct" : ""} | meaning`,
    ...table.columns.filter(({ name }) => !present || found.has(name)).map((column) =>
      columnLine(column, found.get(column.name), withStatistics)
    ),
    ...(present && missing.length > 0 ? [`Missing in this database: ${missing.join(", ")}`] : []),
    ...(further.length > 0 ? [`Not of the CDM ${version}: ${showable(further.join(", "))}`] : []),
    ...(from.length > 0 ? [`Referred to by: ${from.join(", ")}`] : []),
  ].join("\n");
}

function columnLine(column: CdmColumn, facts: ColumnFacts | undefined, statistics: boolean): string {
  const { name, type, length, required, primaryKey, references, description = "" } = column;
  const key = [
    ...(primaryKey ? ["primary"] : []),
    ...(references === undefined ? [] : [`→ ${references.table}`]),
    ...(required && !primaryKey ? ["required"] : []),
  ].join(", ");
  const specified = length === undefined ? type : `${type}(${length})`;
  return [
    name,
    facts?.type ?? specified,
    key,
    ...(statistics ? [shareText(facts?.nulls), distinctText(facts?.distinct)] : []),
    description,
  ].map(showable).join(" | ");
}

function shareText(share: number | undefined): string {
  if (share === undefined) return "";
  return `${Math.round(share * 100)} %`;
}

/** As in the planner's statistics, a negative number is a share of the rows. */
function distinctText(distinct: number | undefined): string {
  if (distinct === undefined) return "";
  if (distinct >= 0) return `≈ ${Math.round(distinct).toLocaleString("en")}`;
  return distinct === -1 ? "all" : `≈ ${Math.round(-distinct * 100)} % of rows`;
}

/** Columns of the specification that refer to a table; of `concept`, only how many. */
function referencedBy(name: string, version: CdmVersion): readonly string[] {
  const from = cdmTables(version).flatMap((table) =>
    table.columns.filter(({ references }) => references?.table === name).map((column) =>
      `${table.name}.${column.name}`
    )
  );
  const MOST = 40;
  return from.length <= MOST ? from : [`${from.length} columns that end in _concept_id`];
}
