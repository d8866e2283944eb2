/** What persons are like, and what is recorded most often around their index date. */
import { characterizeTables, COUNTED_TABLES, frequentConcepts } from "../../omop/analyses/mod.ts";
import type { Call, Found } from "./call.ts";
import { demographics } from "./table_one.ts";

/**
 * Demographics, and the most frequent conditions, drugs and procedures before, on and after the index date.
 *
 * @param call The call.
 */
export async function characterize(call: Call): Promise<Found> {
  const { request: { window_days: days, top }, population, source, rows } = call;
  const { tables } = await demographics(call);
  const counted = [];
  for (const table of COUNTED_TABLES) {
    if (!source.relations.has(table.table)) continue;
    call.progress(`counting ${table.table}`);
    counted.push({ table, rows: await rows.read(frequentConcepts(population, table, { days, top })) });
  }
  const ids = counted.flatMap(({ rows }) => rows.flatMap(([, concept]) => concept ?? [])).map(Number);
  const found = characterizeTables(counted, {
    persons: call.persons[0] ?? 0,
    concepts: await rows.names(ids),
    days,
  });
  // Demographics are lines of their own in the same table.
  const described = tables.shown.rows.map(([variable = null, value = null, text = null]) => [
    "person",
    "index date",
    "",
    `${variable}${value === "" || value === null ? "" : `: ${value}`}`,
    text,
    "",
  ]);
  const people = tables.table.columns;
  const [variable, value, persons, share] = ["variable", "value", "persons", "share"].map((name) =>
    people.indexOf(name)
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
          ...tables.table.rows.filter((row) => row[share ?? 0] !== null).map((row) => [
            "person",
            "index date",
            null,
            `${row[variable ?? 0]}: ${row[value ?? 0]}`,
            row[persons ?? 0] ?? null,
            row[share ?? 0] ?? null,
          ]),
          ...found.table.rows,
        ],
      },
    },
  ];
}
