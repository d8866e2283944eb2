/** The tables of a run, for a person and for a file. */
import { figureText, goalTexts, measuredGoals } from "./goals.ts";
import { save, type SavedRow, savedSeries, type SavedTable } from "./saved.ts";
import { summarize, type Summary } from "./stats.ts";

/** One line of a table. */
export interface Row {
  readonly name: string;
  readonly figures: readonly number[];
  /** @default "ms" */
  readonly unit?: SavedRow["unit"];
  /** Names of the rows of the same table that it is compared with. */
  readonly over?: readonly string[];
}

const NAME_WIDTH = 62;
const FIGURE_WIDTH = 14;
const SPREAD_WIDTH = 16;
const GOAL_WIDTH = 28;

/** Writes each table at once, and the goals and the defects at the end. */
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
   * @param title What was measured. The same measurement has the same title in every run.
   * @param rows Its lines; a ratio is of medians, and for throughput how many times slower.
   */
  table(title: string, rows: readonly Row[]): void {
    this.keep(title, rows);
    const known = new Map<string, Summary>(rows.map((row) => [row.name, summarize(row.figures)]));
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
        `  ${name}`.padEnd(NAME_WIDTH) + `${figureText(own.median)} ${unit}`.padStart(FIGURE_WIDTH) +
          (own.count === 1 ? "" : `${figureText(own.low)}–${figureText(own.high)}`).padStart(SPREAD_WIDTH) +
          String(own.count).padStart(5) +
          (ratios.length === 0 ? "" : `  ${ratios.join(", ")}`),
      );
    }
  }

  /**
   * Keeps a table for the file without writing it.
   *
   * @param title As in {@link table}.
   * @param rows Likewise.
   * @param most How many figures a row keeps. @default as many as for other tables
   */
  keep(title: string, rows: readonly Row[], most?: number): void {
    this.#tables[title] = {
      at: new Date().toISOString(),
      machine: this.#machine,
      rows: rows.map(({ name, unit = "ms", figures, over = [] }) => ({
        name,
        unit,
        ...savedSeries(figures, most),
        ...(over.length === 0 ? {} : { over: [...over] }),
      })),
    };
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
    await save(path, this.#tables);
  }

  /** Writes the goals that were measured, and the defects. */
  end(): void {
    const goals = measuredGoals(this.#tables);
    if (goals.length > 0) this.#write("\nGoals");
    for (const measured of goals) {
      const { figure, bound } = goalTexts(measured);
      this.#write(
        `  ${measured.goal.what}`.padEnd(NAME_WIDTH + 6) + figure.padStart(GOAL_WIDTH) +
          `  ${bound}`.padEnd(14) +
          (measured.met ? "met" : "MISSED"),
      );
    }
    this.#write("");
    for (const defect of this.#defects) this.#write(`DEFECT: ${defect}`);
    if (this.#defects.length === 0) this.#write("No defect.");
  }
}

function ratio(own: Summary, other: Summary | undefined, unit: SavedRow["unit"]): string {
  if (other === undefined) return "";
  const value = unit === "MB/s" ? other.median / own.median : own.median / other.median;
  return `× ${value < 10 ? value.toFixed(2) : value.toFixed(0)}`;
}
