/** Finds out whether margins over columns of persons may be added up: not where a person has several rows in `person`. */
import { uniquePersons } from "../../omop/disclosed/mod.ts";
import { type ConceptSource, late, readRows } from "../concepts/source.ts";
import { withoutValues } from "./without_values.ts";

/** How long the database may count persons, in ms. */
const COUNT_MS = 10_000;

/**
 * Whether each person is known to have one row.
 *
 * @param source The database.
 * @param signal The call's.
 * @returns False also if counting takes too long.
 * @throws {OmcpError} What reading throws.
 */
export async function hasUniquePersons(source: ConceptSource, signal: AbortSignal): Promise<boolean> {
  try {
    const rows = await readRows(source, uniquePersons(source.schema), signal, COUNT_MS).catch(late(signal));
    return rows?.[0]?.[0] === "t";
  } catch (error) {
    throw withoutValues(error);
  }
}
