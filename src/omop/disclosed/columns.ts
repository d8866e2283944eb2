/** What columns may be used for where rows must not leave the database: rule R6 of the disclosure rules. */
import { OmcpError } from "../../errors.ts";
import type { CdmType } from "../cdm/mod.ts";

/** A column of the table or of its person. */
export interface UsedColumn {
  /** Its own name, without the table's. */
  readonly column: string;
  readonly type: CdmType;
}

/** A column, and what it may be used for. */
export interface KnownUse extends UsedColumn {
  readonly use: ColumnUse;
}

/**
 * `concept`: any use. `birth`: the year, in bands of five. `date`: in months. `quantity`: compared, added up and averaged. `age`: the same,
 * compared in bands of five years. `number`: a year, a calendar month or a band of ages, to group by. `hidden`: none. Texts, source values, identifiers, providers, places, and times of day are hidden.
 */
export type ColumnUse = "concept" | "birth" | "date" | "quantity" | "age" | "number" | "hidden";

/** A condition on a column. */
export interface DisclosedFilter {
  readonly column: string;
  readonly op: string;
  readonly value?: unknown;
}

/** Years in a band of birth years. */
export const BIRTH_BAND = 5;

/** Edges of bands of ages are multiples of this. */
export const AGE_BAND = 5;

const FINER_BIRTH = new Set(["month_of_birth", "day_of_birth", "birth_datetime"]);
/** Uses of columns that may be grouped by. */
const GROUPED: ReadonlySet<ColumnUse> = new Set(["concept", "birth", "date"]);
const PARTS: Readonly<Record<ColumnUse, string>> = {
  concept: "a concept",
  birth: "the year of birth",
  date: "a date",
  quantity: "a quantity",
  age: "an age",
  number: "a part of a date or a band",
  hidden: "hidden",
};

/**
 * What a column may be used for.
 *
 * @param source The column.
 */
export function columnUse({ column: name, type }: UsedColumn): ColumnUse {
  if (name === "year_of_birth") return "birth";
  if (FINER_BIRTH.has(name)) return "hidden";
  if (/_concept_id(?:_\d)?$/.test(name)) return "concept";
  if (type === "date") return "date";
  // Identifiers are bigint in this model of the CDM.
  return type === "integer" || type === "numeric" ? "quantity" : "hidden";
}

/**
 * Checks that a column may be grouped by.
 *
 * @param written Its name in the query.
 * @param source The column.
 * @param table The columns of the query's table.
 * @throws {OmcpError} `disclosure_not_allowed`; the next step names the columns of the table that may be.
 */
export function requireGroupable(
  written: string,
  source: KnownUse,
  table: readonly { readonly name: string; readonly type: CdmType }[],
): void {
  const next = {
    hidden: () => {
      const groupable = table.filter(({ name: column, type }) => GROUPED.has(columnUse({ column, type })));
      return `${hiddenNext(source)} Columns of the table to group by: ${
        groupable.map(({ name }) => name).join(", ")
      }.`;
    },
    quantity: () => "Filter by ranges of it, one query for each range.",
    age: () => `Group by bands of it: band(${written}, 0, 40, 65).`,
  };
  const { use } = source;
  if (use === "hidden" || use === "quantity" || use === "age") {
    throw notAllowed(`Cannot group by ${written}`, next[use]());
  }
}

/**
 * Checks that a condition is not finer than the rules.
 *
 * @param filter The condition.
 * @param source Its column.
 * @throws {OmcpError} `disclosure_not_allowed`.
 */
export function requireFilterable(filter: DisclosedFilter, source: KnownUse): void {
  const { use } = source;
  const { column, op } = filter;
  if (use === "hidden") throw notAllowed(`Cannot filter by ${column}`, hiddenNext(source));
  if (use === "number" && (op === "!=" || op === "not in")) {
    throw notAllowed(
      `Cannot filter by ${column} with \`${op}\``,
      "Name what is to be counted: use =, in, or a range.",
    );
  }
  if (use !== "birth" && use !== "age" && use !== "date") return;
  const edges = EDGES[use];
  if (fitsEdges(filter, edges)) return;
  throw notAllowed(
    `Cannot filter by ${column} with \`${op}\` and this value: ${
      PARTS[use]
    } may only be compared ${edges.unit}`,
    edges.next,
  );
}

/**
 * Checks that a column may be added up.
 *
 * @param written Its name in the query.
 * @param source The column.
 * @throws {OmcpError} `disclosure_not_allowed`.
 */
export function requireQuantity(written: string, source: KnownUse): void {
  if (source.use === "quantity" || source.use === "age") return;
  throw notAllowed(
    `Cannot add up ${written}: it is ${PARTS[source.use]}`,
    "Use sum, avg and stddev with a quantity such as value_as_number, or with age_at(date), and count_persons for persons.",
  );
}

interface Edges {
  /** Whether a value is the first of a band. */
  readonly first: (value: unknown) => boolean;
  /** Whether it is the last of one. */
  readonly last: (value: unknown) => boolean;
  readonly unit: string;
  readonly next: string;
}

const BIRTH_EDGES: Edges = {
  first: (value) => Number.isInteger(Number(value)) && Number(value) % BIRTH_BAND === 0,
  last: (value) => Number.isInteger(Number(value)) && Number(value) % BIRTH_BAND === BIRTH_BAND - 1,
  unit: `in bands of ${BIRTH_BAND} years`,
  next:
    "Use >= or < with 1950, 1955 …, <= or > with 1954, 1959 …, or between with both, such as [1950, 1959].",
};

const AGE_EDGES: Edges = {
  ...BIRTH_EDGES,
  next: "Use >= or < with 40, 45 …, <= or > with 39, 44 …, or between with both, such as [40, 64].",
};

const MONTH_EDGES: Edges = {
  first: (value) => /^\d{4}-\d{2}-01$/.test(String(value)),
  last: isLastDay,
  unit: "by months",
  next: "Use >= or < with the first day of a month, <= or > with the last one, or between with both.",
};

const EDGES = { birth: BIRTH_EDGES, age: AGE_EDGES, date: MONTH_EDGES } as const;

function isLastDay(value: unknown): boolean {
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(String(value)) ?? [];
  return day !== undefined && new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate() === Number(day);
}

function fitsEdges({ op, value }: DisclosedFilter, { first, last }: Edges): boolean {
  switch (op) {
    case "is null":
    case "is not null":
      return true;
    case ">=":
    case "<":
      return first(value);
    case "<=":
    case ">":
      return last(value);
    case "between":
      return Array.isArray(value) && value.length === 2 && first(value[0]) && last(value[1]);
    default:
      return false;
  }
}

function hiddenNext({ column: name, type }: UsedColumn): string {
  if (FINER_BIRTH.has(name)) return `Use year_of_birth, in bands of ${BIRTH_BAND} years.`;
  if (type === "timestamp") return `Use the date: ${name.replace("datetime", "date")}, by months.`;
  return "Use concepts, dates by months, year_of_birth and quantities: texts, source values, identifiers, providers and places are hidden.";
}

function notAllowed(message: string, next: string): OmcpError {
  return new OmcpError("disclosure_not_allowed", message, { next });
}

/**
 * Checks a range of dates (both days included) or of ages in a cohort's definition.
 *
 * @param what What they are, for the error.
 * @param range The range.
 * @throws {OmcpError} `disclosure_not_allowed`.
 */
export function requireCoarse(
  what: string,
  { kind, from, to }: {
    readonly kind: "date" | "age";
    readonly from: unknown;
    readonly to: unknown;
  },
): void {
  const edges = EDGES[kind];
  if ((from === undefined || edges.first(from)) && (to === undefined || edges.last(to))) return;
  throw notAllowed(
    `Cannot use ${what}: it may only be limited ${edges.unit}`,
    kind === "date"
      ? `Its first day must be the first of a month, such as 2015-01-01, and its last day the last of one, such as 2024-12-31.`
      : `Let it begin with a multiple of ${BIRTH_BAND}, and end with one less than a multiple.`,
  );
}
