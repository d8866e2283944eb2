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
  // Demographics are lines of their own in the same table.
  const described = people.shown.rows.map(([variable = null, value = null, text = null]) => [
    "person",
    "index date",
    "",
    `${variable}${value === "" || value === null ? "" : `: ${value}`}`,
    text,
    "",
  ]);
  const [variable, value, number, share] = ["variable", "value", "persons", "share"].map((name) =>
    people.table.columns.indexOf(name)
  );
  return [
    `Characterisation: each person's first entry, whose start is the index date; a person counts once for each concept and window; records outside the observation period of the index date do not count; concepts as recorded, without ancestors.`,
    {
      ...found,
      shown: { ...found.shown, rows: [...described, ...found.shown.rows] },
      table: {
        ...found.table,
        rows: [
          // Means and quartiles have columns of their own in table_one.
          ...people.table.rows.filter((row) => row[share ?? 0] !== null).map((row) => [
            "person",
            "index date",
            null,
            `${row[variable ?? 0]}: ${row[value ?? 0]}`,
            row[number ?? 0] ?? null,
            row[share ?? 0] ?? null,
          ]),
          ...found.table.rows,
        ],
      },
    },
  ];
}
