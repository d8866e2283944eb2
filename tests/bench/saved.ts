/** The figures of a run as JSON: what `--save FILE` writes, and what the tables of docs/benchmarks.md are made from. */
import { dirname } from "node:path";
import * as z from "zod";
import { parsedJson } from "../../src/lib/parsed_json.ts";
import { percentile } from "./stats.ts";

/** A longer series is saved as this many quantiles, from its smallest to its largest value; 0.95 is among them. */
const FIGURES_MAX = 201;
/** Significant digits. */
const DIGITS = 4;

const rowSchema = z.strictObject({
  name: z.string(),
  unit: z.enum(["ms", "MB/s", "MB", "ms/s", "live"]),
  /** How many values were measured; more than there are figures if those are quantiles. */
  count: z.int().positive(),
  figures: z.array(z.number()).min(1),
  /** Names of the rows of the same table that it is compared with. */
  over: z.array(z.string()).exactOptional(),
});

const tableSchema = z.strictObject({
  /** When it was measured, in ISO 8601. */
  at: z.iso.datetime(),
  machine: z.string(),
  rows: z.array(rowSchema),
});

const savedSchema = z.record(z.string(), tableSchema);

/** A row of a table as it is saved. */
export type SavedRow = z.output<typeof rowSchema>;

/** A table as it is saved. */
export type SavedTable = z.output<typeof tableSchema>;

/** Title → table. */
export type SavedTables = Readonly<Record<string, SavedTable>>;

/**
 * Prepares a series to be saved: rounded, and in the order in which it was measured unless it is too long.
 *
 * @param values At least one.
 * @param most How many figures are kept.
 */
export function savedSeries(
  values: readonly number[],
  most = FIGURES_MAX,
): Pick<SavedRow, "count" | "figures"> {
  const kept = values.length <= most
    ? values
    : Array.from({ length: most }, (_, at) => percentile(values, at / (most - 1)));
  return { count: values.length, figures: kept.map((value) => Number(value.toPrecision(DIGITS))) };
}

/**
 * Reads the figures of earlier runs.
 *
 * @param path The file. None is the same as an empty one.
 * @throws {z.ZodError} If it has another form.
 */
export async function readSaved(path: string | URL): Promise<SavedTables> {
  try {
    return z.string().transform(parsedJson).pipe(savedSchema).parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}

/**
 * Writes tables, a row in a line. Those of an earlier run that are not among them stay.
 *
 * @param path The file; its folder is made if it is missing.
 * @param tables The tables.
 */
export async function save(path: string, tables: SavedTables): Promise<void> {
  const all = Object.entries({ ...await readSaved(path), ...tables });
  const texts = all.map(([title, { at, machine, rows }]) =>
    `  ${JSON.stringify(title)}: {\n    "at": ${JSON.stringify(at)},\n    "machine": ${
      JSON.stringify(machine)
    },\n    "rows": [\n${rows.map((row) => `      ${JSON.stringify(row)}`).join(",\n")}\n    ]\n  }`
  );
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, `{\n${texts.join(",\n")}\n}\n`);
}
