/** The report of a load, for a person at a terminal. It contains no value of any row. */
import { counted } from "../../lib/counted.ts";
import { allTableNames } from "../../omop/cdm/mod.ts";
import type { KeyLeftOut, KeyReport } from "./keys.ts";
import type { TableReport } from "./source.ts";

const NAME_WIDTH = Math.max(...[...allTableNames()].map((name) => name.length));
const WIDTH = 12;
/** How many reasons per table, and keys per kind, are listed; the rest is counted. */
const MAX_LISTED = 8;
/** Names that cannot be values of a file that has no header after all. */
const NAME = /^[\p{L}_][\p{L}\p{N}_ .-]{0,62}$/u;
/** How many names of columns are listed. */
const MAX_NAMES = 20;

/** The column heads for {@link tableLines}. */
export function headLine(): string {
  return row("table", ["read", "loaded", "rejected", "seconds"]);
}

/**
 * Reports one table.
 *
 * @param report The table.
 * @returns Lines.
 */
export function tableLines(report: TableReport): string[] {
  const { table, read, loaded, rejected, rejects, unknownColumns, notes, elapsedMs } = report;
  const lines = [row(table, [count(read), count(loaded), count(rejected), (elapsedMs / 1000).toFixed(1)])];
  if (unknownColumns.length > 0) lines.push(`    not loaded, no such column: ${columnNames(unknownColumns)}`);
  for (const { column, reason, rows, lines: examples } of rejects.slice(0, MAX_LISTED)) {
    const where = column === undefined ? "" : `${column}: `;
    const more = rows > examples.length ? ", …" : "";
    lines.push(
      `    ${count(rows)} rejected, ${where}${reason} (line${rows === 1 ? "" : "s"} ${
        examples.join(", ")
      }${more})`,
    );
  }
  const unlisted = rejects.length - MAX_LISTED;
  if (unlisted > 0) lines.push(`    and ${counted(unlisted, "more reason")}`);
  for (const note of notes) lines.push(`    ${note}`);
  return lines;
}

function columnNames(names: readonly string[]): string {
  const listed = names.filter((name) => NAME.test(name)).slice(0, MAX_NAMES);
  const rest = names.length - listed.length;
  if (rest > 0) listed.push(counted(rest, listed.length === 0 ? "column" : "more column"));
  return listed.join(", ");
}

/**
 * Reports the sum of all tables.
 *
 * @param reports The tables.
 * @param elapsedMs The duration of the load, in milliseconds.
 */
export function totalLine(reports: readonly TableReport[], elapsedMs: number): string {
  function sum(of: (report: TableReport) => number): string {
    return count(reports.reduce((total, report) => total + of(report), 0));
  }
  return row("all", [
    sum(({ read }) => read),
    sum(({ loaded }) => loaded),
    sum(({ rejected }) => rejected),
    (elapsedMs / 1000).toFixed(1),
  ]);
}

/**
 * Reports the keys.
 *
 * @param keys What was added and left out.
 * @returns Lines.
 */
export function keyLines(keys: KeyReport): string[] {
  const lines = [
    `Keys: ${keys.primaryKeys} primary, ${keys.foreignKeys} foreign, ${keys.indices} indices; ` +
    (keys.primaryKeysLeftOut.length + keys.foreignKeysLeftOut.length === 0
      ? "the data satisfy all of them"
      : `left out: ${keys.primaryKeysLeftOut.length} primary, ${keys.foreignKeysLeftOut.length} foreign`),
  ];
  for (const { table, columns, rows } of keys.primaryKeysLeftOut) {
    lines.push(
      `    ${table} (${columns.join(", ")}): ${counted(rows, "duplicate row")}; has a non-unique index`,
    );
  }
  const foreign = [...keys.foreignKeysLeftOut].sort((left, right) => right.rows - left.rows);
  for (const key of foreign.slice(0, MAX_LISTED)) lines.push(`    ${foreignLine(key)}`);
  if (foreign.length > MAX_LISTED) {
    const rest = foreign.slice(MAX_LISTED);
    const rows = rest.reduce((total, key) => total + key.rows, 0);
    const why = rows === 0
      ? "their targets have duplicate rows"
      : `${counted(rows, "row")} without the referenced row`;
    lines.push(`    and ${counted(rest.length, "more foreign key")}: ${why}`);
  }
  return lines;
}

function foreignLine({ table, columns, refersTo, rows }: KeyLeftOut): string {
  const why = rows === 0
    ? `${refersTo ?? "its target"} has duplicate rows`
    : `${counted(rows, "row")} without the referenced row`;
  return `${table}.${columns.join(", ")} → ${refersTo ?? ""}: ${why}`;
}

function row(name: string, cells: readonly string[]): string {
  return name.padEnd(NAME_WIDTH) + cells.map((cell) => cell.padStart(WIDTH)).join("");
}

function count(rows: number): string {
  return rows.toLocaleString("en");
}
