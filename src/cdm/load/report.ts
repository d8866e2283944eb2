/** A load in words, for a person at a terminal. No value of any row is in it. */
import { CDM_VERSIONS, cdmTables } from "../../omop/cdm/mod.ts";
import type { KeyLeftOut, KeyReport } from "./keys.ts";
import type { TableReport } from "./source.ts";

const NAME_WIDTH = Math.max(
  ...CDM_VERSIONS.flatMap((version) => cdmTables(version).map(({ name }) => name.length)),
);
const WIDTH = 12;
/** Reasons told of a table, and keys told of a kind; the rest is counted. */
const MOST_TOLD = 8;

/** The head of the lines that {@link tableLines} makes. */
export function headLine(): string {
  return row("table", ["read", "loaded", "rejected", "seconds"]);
}

/**
 * Tells of one table.
 *
 * @param report The table.
 * @returns Lines.
 */
export function tableLines(report: TableReport): string[] {
  const { table, read, loaded, rejected, rejects, unknownColumns, elapsedMs } = report;
  const lines = [row(table, [count(read), count(loaded), count(rejected), (elapsedMs / 1000).toFixed(1)])];
  if (unknownColumns.length > 0) lines.push(`    not loaded, no such column: ${unknownColumns.join(", ")}`);
  for (const { column, reason, rows, lines: examples } of rejects.slice(0, MOST_TOLD)) {
    const where = column === undefined ? "" : `${column}: `;
    const more = rows > examples.length ? ", …" : "";
    lines.push(
      `    ${count(rows)} rejected, ${where}${reason} (line${rows === 1 ? "" : "s"} ${
        examples.join(", ")
      }${more})`,
    );
  }
  if (rejects.length > MOST_TOLD) lines.push(`    and ${rejects.length - MOST_TOLD} more reasons`);
  return lines;
}

/**
 * Tells the sum of all tables.
 *
 * @param reports The tables.
 * @param elapsedMs How long all of it took, in milliseconds.
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
 * Tells of the keys.
 *
 * @param keys What was added and left out.
 * @returns Lines.
 */
export function keyLines(keys: KeyReport): string[] {
  const lines = [
    `Keys: ${keys.primaryKeys} primary, ${keys.foreignKeys} foreign, ${keys.indices} indices; ` +
    (keys.primaryKeysLeftOut.length + keys.foreignKeysLeftOut.length === 0
      ? "the data fit all of them"
      : `left out, since the data do not fit: ${keys.primaryKeysLeftOut.length} primary, ${keys.foreignKeysLeftOut.length} foreign`),
  ];
  for (const { table, columns, rows } of keys.primaryKeysLeftOut) {
    lines.push(
      `    ${table} (${columns.join(", ")}): ${count(rows)} duplicate rows; indexed without being unique`,
    );
  }
  const foreign = [...keys.foreignKeysLeftOut].sort((left, right) => right.rows - left.rows);
  for (const key of foreign.slice(0, MOST_TOLD)) lines.push(`    ${foreignLine(key)}`);
  if (foreign.length > MOST_TOLD) {
    const rest = foreign.slice(MOST_TOLD);
    const rows = rest.reduce((total, key) => total + key.rows, 0);
    lines.push(`    and ${rest.length} more foreign keys, ${count(rows)} rows in all`);
  }
  return lines;
}

function foreignLine({ table, columns, refersTo, rows }: KeyLeftOut): string {
  const why = rows === 0 ? "its target is not unique" : `${count(rows)} rows refer to nothing`;
  return `${table}.${columns.join(", ")} → ${refersTo ?? ""}: ${why}`;
}

function row(name: string, cells: readonly string[]): string {
  return name.padEnd(NAME_WIDTH) + cells.map((cell) => cell.padStart(WIDTH)).join("");
}

function count(rows: number): string {
  return rows.toLocaleString("en");
}
