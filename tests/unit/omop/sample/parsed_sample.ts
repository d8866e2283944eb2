import assert from "node:assert/strict";
import { cdmTable } from "../../../../src/omop/cdm/mod.ts";
import { sampleFiles } from "../../../../src/omop/sample/mod.ts";

/** A row by column; null is NULL. */
export type ParsedRow = Readonly<Record<string, string | null>>;

/** A population read back from its COPY text, by table. */
export type ParsedSample = Readonly<Record<string, readonly ParsedRow[]>>;

/**
 * Generates a population and reads its COPY text back.
 *
 * @param persons How many persons.
 * @param seed The seed.
 * @returns The rows of each table.
 */
export function parseSample(persons: number, seed: number): ParsedSample {
  const tables: Record<string, readonly ParsedRow[]> = {};
  for (const [table, text] of sampleFiles({ persons, seed })) {
    const columns = cdmTable("5.4", table).columns.map((column) => column.name);
    assert(text.endsWith("\n"), table);
    tables[table] = text.slice(0, -1).split("\n").map(function parse(line) {
      const cells = line.split("\t");
      assert.equal(cells.length, columns.length, `${table}: ${line}`);
      return Object.fromEntries(columns.map((column, at) => [column, unescape(cells[at] ?? "")]));
    });
  }
  return tables;
}

function unescape(cell: string): string | null {
  if (cell === "\\N") return null;
  return cell.replace(/\\(.)/g, (_, letter: string) => ({ t: "\t", n: "\n", r: "\r" })[letter] ?? letter);
}
