/** Reads the database's answer to a compiled query as the cells that the rules decide about. */
import * as z from "zod";
import type { Steps } from "../../lib/async/in_slices.ts";
import { type CompiledDisclosedQuery, hasOwnContributors } from "../../omop/disclosed/mod.ts";
import type { TextRow } from "../../postgres/mod.ts";
import { requireFits } from "./budget.ts";
import type { CellValue } from "./cell_value.ts";
import type { Counted } from "./decision.ts";
import type { PersonCounts } from "./load.ts";
import type { Cell } from "./release.ts";
import { type DisclosureRules, leastShown } from "./rules.ts";
import { BUCKETS, sketchOf } from "./sketch.ts";

const number = z.string().transform(Number).pipe(z.number());
/** An array of numbers as PostgreSQL writes it; null for a cell of too few persons. */
const list = z.string().regex(/^\{[^{}"]*\}$/).transform((text) =>
  text === "{}" ? [] : text.slice(1, -1).split(",").map(Number)
)
  .pipe(z.array(z.number()).max(BUCKETS)).nullable().transform((numbers) => numbers ?? []);
const key = z.string().nullable();

/**
 * Reads the rows, in steps: there may be tens of thousands.
 *
 * @param rows What the statement returned.
 * @param query The compiled query.
 * @param rules The rules in force.
 * @returns Cells and margins, in the order of their keys.
 * @throws {OmcpError} `capacity` for more numbers than a caller may ever learn.
 * @throws {z.ZodError} If they are not what the statement returns.
 */
export function* readCells(
  rows: readonly TextRow[],
  query: Pick<CompiledDisclosedQuery, "groups" | "values">,
  rules: DisclosureRules,
): Steps<readonly Cell[]> {
  const { groups, values } = query;
  const enough = rows.filter((row) => number.parse(row[1 + groups.length]) >= leastShown(rules)).length;
  requireFits(enough * (1 + values.length), rules);
  const cells: Cell[] = [];
  for (const row of rows) {
    yield;
    cells.push(readCell(row, query));
  }
  return cells;
}

function readCell(
  row: TextRow,
  { groups, values }: Pick<CompiledDisclosedQuery, "groups" | "values">,
): Cell {
  const rest = [...row];
  const level = number.parse(rest.shift());
  const keys = groups.map(() => key.parse(rest.shift()));
  const persons = number.parse(rest.shift());
  const buckets = list.parse(rest.shift());
  const counts = list.parse(rest.shift());
  const weights = list.parse(rest.shift());
  const all: Counted = {
    value: persons,
    sketch: sketchOf(buckets, weights),
    counts: countsOf(buckets, counts),
  };
  return {
    level,
    keys,
    persons: all,
    values: values.map((source): CellValue => {
      const value = number.parse(rest.shift());
      const contributors = hasOwnContributors(source)
        ? {
          value: number.parse(rest.shift()),
          counts: countsOf(buckets, list.parse(rest.shift())),
          sketch: sketchOf(buckets, list.parse(rest.shift())),
        }
        : all;
      const sketch = sketchOf(buckets, list.parse(rest.shift()));
      const [first, another] = twoLargest(list.parse(rest.shift()));
      // The others of a bucket count as one person: that errs on the safe side.
      const second = Math.min(first, Math.max(another, number.parse(rest.shift())));
      const total = number.parse(rest.shift());
      return {
        value,
        contributors,
        sketch,
        sums: { first, second, all: total },
        kind: source.kind,
      };
    }),
  };
}

function twoLargest(numbers: readonly number[]): readonly [number, number] {
  let [first, second] = [0, 0];
  for (const number of numbers) {
    if (number > first) [first, second] = [number, first];
    else if (number > second) second = number;
  }
  return [first, second];
}

/** Persons of nobody, shared like an empty sketch. */
const NONE: PersonCounts = new Uint8ClampedArray(BUCKETS);

function countsOf(buckets: readonly number[], counts: readonly number[]): PersonCounts {
  if (buckets.length === 0) return NONE;
  const all = new Uint8ClampedArray(BUCKETS);
  buckets.forEach((bucket, at) => all[bucket] = counts[at] ?? 0);
  return all;
}
