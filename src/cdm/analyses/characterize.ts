/** What persons are like, and what is recorded most often around their index date. */
import {
  characterizeTables,
  COUNTED_TABLES,
  frequentConcepts,
  type FrequentRows,
  type ResultTables,
} from "../../omop/analyses/mod.ts";
import type { Call, Found, Plan } from "./call.ts";
import { demographics } from "./table_one.ts";

/**
 * Demographics, and the most frequent conditions, drugs and procedures before, on and after the index date.
 *
 * @param call The call.
 */
export async function characterize(call: Call): Promise<Plan> {
  const { request: { window_days: days, top }, source } = call;
  const people = await demographics(call);
  const tables = COUNTED_TABLES.filter(({ table }) => source.relations.has(table));
  return {
    shared: people.shared,
    counts: [
      ...people.counts,
      ...tables.map((table) => frequentConcepts(source.schema, table, { days, top })),
    ],
    finish: async (found, persons) => {
      const counted = tables.map((table, at) => ({ table, rows: found[people.counts.length + at] ?? [] }));
      return result(call, { people: await people.tables(found), counted, persons: persons[0] ?? 0 });
    },
  };
}

async function result(
  { request: { window_days: days }, rows }: Call,
  { people, counted, persons }: {
    readonly people: ResultTables;
    readonly counted: readonly FrequentRows[];
    readonly persons: number;
  },
): Promise<Found> {
  const ids = counted.flatMap(({ rows }) => rows.flatMap(([, concept]) => concept ?? [])).map(Number);
  const found = characterizeTables(counted, {
    persons,
    concepts: await rows.names(ids),
    days,
  });
  return [characterizeWords(), withDemographics(found, people)];
}

/** What a characterisation assumes, in words. */
export function characterizeWords(): string {
  return "Characterisation: each person's first entry, whose start is the index date; a person counts once for each concept and window; records outside the observation period of the index date do not count; concepts as recorded, without ancestors.";
}

/**
 * Demographics as lines of their own in the table of concepts.
 *
 * @param found The concepts.
 * @param people The demographics.
 */
export function withDemographics(found: ResultTables, people: ResultTables): ResultTables {
  const described = people.shown.rows.map(([variable = null, value = null, text = null]) => [
    "person",
    "index date",
    "",
    `${variable}${value === "" || value === null ? "" : `: ${value}`}`,
    text,
    "",
  ]);
  const columns = ["variable", "value", "persons", "share", "mark"].map((name) =>
    people.table.columns.indexOf(name)
  );
  const [variable, value, persons, share, mark = -1] = columns;
  // Means and quartiles have columns of their own in table_one.
  const shares = people.table.rows.filter((row) => row[share ?? 0] !== null).map((row) => [
    "person",
    "index date",
    null,
    `${row[variable ?? 0]}: ${row[value ?? 0]}`,
    row[persons ?? 0] ?? null,
    row[share ?? 0] ?? null,
    ...(mark < 0 ? [] : [row[mark] ?? ""]),
  ]);
  return {
    ...found,
    shown: { ...found.shown, rows: [...described, ...found.shown.rows] },
    table: {
      columns: mark < 0 || found.table.columns.includes("mark")
        ? found.table.columns
        : [...found.table.columns, "mark"],
      rows: [...shares, ...found.table.rows],
    },
  };
}
