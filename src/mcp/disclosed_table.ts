/** Released numbers as a table: as text for a model, and as a DataFrame in a sandbox. */
import { Buffer } from "node:buffer";
import type { DisclosedTable, DisclosureRules, ReleasedCell } from "../cdm/disclosure/mod.ts";
import { counted } from "../lib/counted.ts";
import { showable } from "../lib/text.ts";
import { OmcpError } from "../errors.ts";
import { threeDigits } from "../omop/analyses/mod.ts";
import type { DisclosedOutput } from "../omop/disclosed/mod.ts";
import { closestNames } from "../lib/closest_names.ts";
import { numberNotes } from "./disclosure_lines.ts";

/** A value of a shown table. */
type Value = string | number | null;

/** A table that is shown. */
export interface ShownTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Value[])[];
  /** Whether a row has a number that was computed from earlier answers. */
  readonly derived: readonly boolean[];
  /** Rows that the limit left out. */
  readonly left: number;
}

const DAYS_OF_YEAR = 365.25;

/**
 * Arranges released numbers. Order and limit work on released numbers only (rule R7).
 *
 * @param table The numbers.
 * @param how A column to order by, "-" before it for descending, undefined for the groups' own order; the most rows; the rules in force.
 * @throws {OmcpError} `invalid_argument` if the result has no such column.
 */
export function shownTable(
  table: DisclosedTable,
  { order, limit, rules }: {
    readonly order: string | undefined;
    readonly limit: number;
    readonly rules: DisclosureRules;
  },
): ShownTable {
  const { groups, outputs } = table.query;
  const columns = [
    ...groups.flatMap(({ name, use }) => use === "concept" ? [name, nameColumn(name)] : [name]),
    "persons",
    ...outputs.map(({ name }) => name),
  ];
  const rows = table.cells.map((cell) => ({ derived: cell.derived, values: valuesOf(cell, table, rules) }));
  if (order !== undefined) {
    const descending = order.startsWith("-");
    const at = columnAt(columns, descending ? order.slice(1) : order);
    rows.sort((a, b) => (descending ? -1 : 1) * compare(a.values[at] ?? null, b.values[at] ?? null));
  }
  const shown = rows.slice(0, limit);
  return {
    columns,
    rows: shown.map(({ values }) => values),
    derived: shown.map(({ derived }) => derived),
    left: rows.length - shown.length,
  };
}

function valuesOf(
  { keys, persons, values }: ReleasedCell,
  { query, names }: DisclosedTable,
  rules: DisclosureRules,
): Value[] {
  const groups = query.groups.flatMap(({ use }, at) => {
    const key = keys[at] ?? null;
    if (use === "concept") {
      return [key === null ? null : Number(key), key === null ? null : names.get(key) ?? null];
    }
    if (use === "number") return [key === null ? null : Number(key)];
    return [
      use === "birth" && key !== null ? `${key}-${Number(key) + 4}` : key?.slice(0, "2020-01".length) ?? null,
    ];
  });
  const outputs = query.outputs.map((output) => outputOf(output, values, rules));
  return [...groups, persons, ...outputs];
}

/** Computed from released numbers only; null if one of these is withheld. */
function outputOf(
  output: DisclosedOutput,
  values: readonly (number | undefined)[],
  { k }: DisclosureRules,
): number | null {
  const rounded = (value: number | undefined) => value === undefined ? null : threeDigits(value);
  switch (output.kind) {
    case "count":
      return values[output.value] ?? null;
    case "sum":
    case "percentile":
      return rounded(values[output.value]);
    case "years": {
      const days = values[output.value];
      return rounded(days === undefined ? undefined : days / DAYS_OF_YEAR);
    }
    case "mean": {
      const [sum, count] = [values[output.sum], values[output.count]];
      return rounded(sum === undefined || !count ? undefined : sum / count);
    }
    case "deviation": {
      const [count, sum, squares] = [values[output.count], values[output.sum], values[output.squares]];
      if (count === undefined || sum === undefined || squares === undefined) return null;
      // With fewer values, there is often only one set of values with this count, mean and deviation.
      if (count < 2 * k) return null;
      const variance = (squares - sum ** 2 / count) / (count - 1);
      // Numbers of slightly different persons need not be consistent.
      return variance < 0 ? null : threeDigits(Math.sqrt(variance));
    }
  }
}

/** `gender_concept_id` → `gender_concept_name`. */
function nameColumn(id: string): string {
  return id.replace(/concept_id/, "concept_name");
}

function columnAt(columns: readonly string[], name: string): number {
  const at = columns.indexOf(name);
  if (at >= 0) return at;
  const [close] = closestNames(name, columns);
  throw new OmcpError(
    "invalid_argument",
    `Cannot order by ${JSON.stringify(name)}: it is not in the result`,
    {
      next: close === undefined ? `Its columns are: ${columns.join(", ")}.` : `Did you mean ${close}?`,
    },
  );
}

/** As in PostgreSQL, nulls come last, and first in descending order. */
function compare(a: Value, b: Value): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a ?? "\uffff").localeCompare(String(b ?? "\uffff"), "en");
}

/**
 * Describes a shown table to a model.
 *
 * @param shown The table.
 * @param about What the query means, the rules in force, and numbers that the caller may still learn.
 */
export function describeTable(
  shown: ShownTable,
  { meaning, rules, remaining }: {
    readonly meaning: string;
    readonly rules: DisclosureRules;
    readonly remaining: number;
  },
): string {
  return [
    `Understood: ${showable(meaning)}`,
    "",
    ...(shown.rows.length === 0
      ? ["No row: too few persons, or earlier answers of this session come too near."]
      : [
        shown.columns.join(" | "),
        ...shown.rows.map((row, at) =>
          showable(row.map((value) => value ?? "").join(" | ")) + (shown.derived[at] === true ? " ~" : "")
        ),
      ]),
    ...(shown.left > 0 ? [`… ${counted(shown.left, "more group")}: raise limit`] : []),
    "",
    ...tableNotes(shown, rules, remaining),
  ].join("\n");
}

/**
 * What a reader must know of the numbers.
 *
 * @param shown The table.
 * @param rules The rules in force.
 * @param remaining Numbers that the caller may still learn.
 * @returns Lines.
 */
export function tableNotes(shown: ShownTable, rules: DisclosureRules, remaining: number): readonly string[] {
  return numberNotes(rules, { derived: shown.derived.includes(true), remaining });
}

/**
 * Python that makes a table a DataFrame, exactly as it is shown, with the marks as a column. It runs silently, beside the variables of cells.
 *
 * @param shown The table.
 * @param into The variable's name, which has been checked.
 */
export function frameSource({ columns, rows, derived }: ShownTable, into: string): string {
  const marked = rows.map((row, at) => [...row, derived[at] === true ? "~" : ""]);
  const data = Buffer.from(JSON.stringify({ columns: [...columns, "mark"], rows: marked })).toString(
    "base64",
  );
  return `import base64, json, pandas
table = json.loads(base64.b64decode("${data}"))
user_ns["${into}"] = pandas.DataFrame(table["rows"], columns=table["columns"])
`;
}
