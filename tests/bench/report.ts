/** The tables of a run, for a person. */
import * as z from "zod";
import { summarize, type Summary } from "./stats.ts";

/** One line of a table. */
export interface Row {
  readonly name: string;
  readonly figures: readonly number[];
  /** @default "ms" */
  readonly unit?: "ms" | "MB/s" | "MB";
  /** Names of the rows of the same table that it is compared with. */
  readonly over?: readonly string[];
}

const NAME_WIDTH = 62;
const FIGURE_WIDTH = 13;
const SPREAD_WIDTH = 16;

/** A table as it is saved. */
interface SavedTable {
  /** When it was measured, in ISO 8601. */
  readonly at: string;
  readonly machine: string;
  readonly rows: readonly {
    readonly name: string;
    readonly unit: string;
    readonly figures: readonly number[];
  }[];
}

const savedSchema: z.ZodType<Record<string, SavedTable>> = z.record(
  z.string(),
  z.strictObject({
    at: z.string(),
    machine: z.string(),
    rows: z.array(z.strictObject({ name: z.string(), unit: z.string(), figures: z.array(z.number()) })),
  }),
);

/** Writes each table at once, and the defects at the end. */
export class Report {
  readonly #write: (line: string) => void;
  readonly #defects: string[] = [];
  readonly #tables: Record<string, SavedTable> = {};
  /** What it runs on: the first line, and part of what is saved. */
  #machine = "";

  /** @param write Receives each line. */
  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** The defects. */
  get defects(): readonly string[] {
    return this.#defects;
  }

  /** @param text What it runs on. */
  machine(text: string): void {
    this.#machine = text;
    this.line(text);
  }

  /** @param text A line of its own. */
  line(text: string): void {
    this.#write(text);
  }

  /**
   * Writes a table.
   *
   * @param title What was measured.
   * @param rows Its lines; a ratio is of medians, and for throughput how many times slower.
   */
  table(title: string, rows: readonly Row[]): void {
    const known = new Map<string, Summary>(rows.map((row) => [row.name, summarize(row.figures)]));
    this.#tables[title] = {
      at: new Date().toISOString(),
      machine: this.#machine,
      rows: rows.map(({ name, unit = "ms", figures }) => ({
        name,
        unit,
        figures: figures.map((value) => Number(value.toPrecision(4))),
      })),
    };
    this.#write("");
    this.#write(
      title.padEnd(NAME_WIDTH) + "median".padStart(FIGURE_WIDTH) + "p10–p90".padStart(SPREAD_WIDTH) +
        "    n  ratio",
    );
    for (const { name, unit = "ms", over = [] } of rows) {
      const own = known.get(name);
      if (own === undefined) continue;
      const ratios = over.map((other) => ratio(own, known.get(other), unit)).filter((text) => text !== "");
      this.#write(
        `  ${name}`.padEnd(NAME_WIDTH) + `${figure(own.median)} ${unit}`.padStart(FIGURE_WIDTH) +
          (own.count === 1 ? "" : `${figure(own.low)}–${figure(own.high)}`).padStart(SPREAD_WIDTH) +
          String(own.count).padStart(5) +
          (ratios.length === 0 ? "" : `  ${ratios.join(", ")}`),
      );
    }
  }

  /**
   * Records a defect if there is one.
   *
   * @param wrong Whether it is a defect.
   * @param text The defect.
   */
  defectIf(wrong: boolean, text: string): void {
    if (wrong) this.#defects.push(text);
  }

  /**
   * Saves the tables as JSON; those of an earlier run that this one has not measured again stay.
   *
   * @param path The file.
   */
  async save(path: string): Promise<void> {
    const before = await Deno.readTextFile(path).catch(() => "{}");
    const tables = { ...savedSchema.parse(JSON.parse(before)), ...this.#tables };
    await Deno.writeTextFile(path, JSON.stringify(tables, null, 1) + "\n");
  }

  /** Writes the defects. */
  end(): void {
    this.#write("");
    for (const defect of this.#defects) this.#write(`DEFECT: ${defect}`);
    if (this.#defects.length === 0) this.#write("No defect.");
  }
}

function ratio(own: Summary, other: Summary | undefined, unit: string): string {
  if (other === undefined) return "";
  const value = unit === "MB/s" ? other.median / own.median : own.median / other.median;
  return `× ${value < 10 ? value.toFixed(2) : value.toFixed(0)}`;
}

function figure(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0);
}
