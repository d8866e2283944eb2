import { COPY_NULL, escapeCopyText } from "../../lib/copy_format.ts";
import { cdmTable } from "../cdm/mod.ts";

/** A value of a row; undefined and null are NULL. */
export type CellValue = string | number | null | undefined;

/** Values by column name; an absent column is NULL. */
export type SampleRow = Readonly<Record<string, CellValue>>;

/** Writes rows of one CDM 5.4 table in COPY's text format, all columns in the table's order. */
export class CopyWriter {
  readonly table: string;
  readonly columns: readonly string[];
  #lines: string[] = [];

  /**
   * Starts with no rows.
   *
   * @param table The table's name.
   */
  constructor(table: string) {
    this.table = table;
    this.columns = cdmTable("5.4", table).columns.map((column) => column.name);
  }

  /** Rows written since the last {@link take}. */
  get rows(): number {
    return this.#lines.length;
  }

  /**
   * Adds a row.
   *
   * @param row The row.
   */
  write(row: SampleRow): void {
    this.#lines.push(this.columns.map((column) => cellText(row[column])).join("\t"));
  }

  /**
   * Takes the rows written since the last call.
   *
   * @returns Whole rows of COPY text.
   */
  take(): string {
    const text = `${this.#lines.join("\n")}\n`;
    this.#lines = [];
    return text;
  }
}

function cellText(value: CellValue): string {
  if (value === undefined || value === null) return COPY_NULL;
  if (typeof value === "number") return String(value);
  return escapeCopyText(value);
}
