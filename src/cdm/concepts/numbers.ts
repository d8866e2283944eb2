/** Under which concepts the CDM holds numbers. */
import {
  hasNumbers,
  integersOf,
  NUMBER_TABLES,
  numbersByUnit,
  type NumberTable,
} from "../../omop/concepts/mod.ts";
import { type ConceptSource, late, readRows } from "./source.ts";

/** Concepts and units that one statement summarises. */
const MOST_ROWS = 500;
/** How long the search for any number may take, in ms. */
const ANY_MS = 5_000;

/** Numbers of one concept in one unit. */
export interface UnitNumbers {
  readonly table: NumberTable["table"];
  readonly concept_id: number;
  /** Null where records have no unit's concept. */
  readonly unit_concept_id: number | null;
  /** The unit's name or, without its concept, what the source wrote; null for no unit. */
  readonly unit: string | null;
  readonly records: number;
  readonly persons: number;
  /** Records with a number. */
  readonly numbers: number;
  /** Records with a coded value, such as positive or negative. */
  readonly coded: number;
  /** Minimum, 5th, 50th and 95th percentile and maximum of the numbers, as Postgres writes them; undefined without numbers. */
  readonly range: readonly string[] | undefined;
}

/**
 * How many units the numbers of a concept are in: tables may share one, and records without a unit count as one.
 *
 * @param of The concept's numbers.
 */
export function unitsIn(of: readonly Pick<UnitNumbers, "unit_concept_id" | "unit">[]): number {
  return new Set(of.map(({ unit_concept_id, unit }) => unit_concept_id ?? (unit || null))).size;
}

/** What {@link numbersOf} finds. */
export interface FoundNumbers {
  /** The most records first. */
  readonly units: readonly UnitNumbers[];
  /** Whether there were more concepts and units than were summarised. */
  readonly more: boolean;
  /** Where no concept has a number: whether each table has none at all; undefined if finding out took too long. */
  readonly empty: ReadonlyMap<NumberTable["table"], boolean | undefined>;
}

/**
 * Summarises the numbers of concepts, themselves and not their descendants: a panel's or a class's tests are different measurements.
 *
 * @param source The database.
 * @param ids The concepts.
 * @param signal The call's.
 * @returns The numbers by concept and unit.
 */
export async function numbersOf(
  source: ConceptSource,
  ids: readonly number[],
  signal: AbortSignal,
): Promise<FoundNumbers> {
  const tables = NUMBER_TABLES.filter(({ table }) => source.relations.has(table));
  const found = await Promise.all(tables.map(async (where) => {
    const statement = numbersByUnit(ids, where, source.schema, MOST_ROWS);
    const rows = ids.length === 0 ? [] : await readRows(source, statement, signal);
    return { where, units: rows.map((row) => unitNumbers(where, row)) };
  }));
  const units = found.flatMap(({ units }) => units).sort((left, right) => right.records - left.records);
  const empty = new Map<NumberTable["table"], boolean | undefined>();
  // Only an answer without numbers has to say whether there are any at all.
  if (units.length > 0 && !units.some(({ numbers }) => numbers > 0)) {
    for (const { where, units: own } of found) {
      if (own.length > 0) empty.set(where.table, await isEmpty(source, where, signal));
    }
  }
  return { units, more: found.some(({ units: { length } }) => length === MOST_ROWS), empty };
}

function unitNumbers({ table }: NumberTable, row: readonly (string | null)[]): UnitNumbers {
  const [
    id = null,
    unit = null,
    written = null,
    records = null,
    persons = null,
    numbers = null,
    coded = null,
  ] = row;
  const [concept_id = 0, recordCount = 0, personCount = 0, numberCount = 0, codedCount = 0] = integersOf([
    id,
    records,
    persons,
    numbers,
    coded,
  ]);
  const range = row.slice(7, 12).flatMap((value) => value ?? []);
  return {
    table,
    concept_id,
    unit_concept_id: unit === null ? null : integersOf([unit])[0] ?? null,
    unit: row[12] ?? written,
    records: recordCount,
    persons: personCount,
    numbers: numberCount,
    coded: codedCount,
    range: range.length === 5 ? range : undefined,
  };
}

async function isEmpty(
  source: ConceptSource,
  where: NumberTable,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const rows = await readRows(source, hasNumbers(where, source.schema), signal, ANY_MS).catch(late(signal));
  return rows && rows[0]?.[0] === "0";
}
