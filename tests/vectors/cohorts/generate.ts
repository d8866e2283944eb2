/**
 * Writes to stdout a small random CDM, random cohort definitions in the short form, and each as circe's JSON: the input of generate.py.
 * Run from the repository's root: `deno run tests/vectors/cohorts/generate.ts | python tests/vectors/cohorts/generate.py`.
 */
import { say } from "../../../scripts/output.ts";
import { readCohort, toCirce } from "../../../src/omop/cohorts/mod.ts";
import { Random } from "../../../src/omop/sample/random.ts";
import { type Pool, randomCohort } from "../../integration/omop/cohorts/random_cohort.ts";

const SEED = 13;
const PERSONS = 60;
const COHORTS = 120;
/** Those of them that are about eras. */
const ERAS = 8;
/** Days of the data, counted from the first in steps of five, so that many windows and gaps are met exactly. */
const DAYS = 300;
const STEP = 5;
const FIRST = Date.UTC(2018, 0, 1) / 86_400_000;

type Cell = string | number | null;

/** Concepts 1 to 12 of conditions, 101 to 112 of drugs, …: of each, 1 is above 2 to 6, 2 above 3 and 4, and 11 is invalid. */
const DOMAINS: Readonly<Record<string, number>> = {
  condition_occurrence: 0,
  drug_exposure: 100,
  measurement: 200,
  visit_occurrence: 300,
};
const BELOW: readonly (readonly [number, number])[] = [[1, 2], [1, 3], [1, 4], [1, 5], [1, 11], [2, 3], [2, 4], [7, 8]];

function vocabulary(): Record<string, Cell[][]> {
  const ids = Object.values(DOMAINS).flatMap((base) => Array.from({ length: 12 }, (_, at) => base + at + 1));
  return {
    concept: ids.map((id) => [id, id % 100 === 11 ? "D" : null]),
    concept_ancestor: [
      ...ids.map((id) => [id, id]),
      ...Object.values(DOMAINS).flatMap((base) => BELOW.map(([above, below]) => [base + above, base + below])),
    ],
  };
}

function records(random: Random): Record<string, Cell[][]> {
  const found: Record<string, Cell[][]> = {
    person: [],
    observation_period: [],
    condition_occurrence: [],
    drug_exposure: [],
    measurement: [],
    visit_occurrence: [],
    death: [],
  };
  const add = (table: string, ...row: Cell[]) => found[table]?.push(row);
  let id = 0;
  for (let person = 1; person <= PERSONS; person++) {
    add("person", person, random.chance(0.5) ? 8532 : 8507, random.integer(1940, 2012));
    // One to three periods with gaps between them.
    let day = random.integer(0, 60);
    while (day < DAYS) {
      const end = day + random.integer(12, 240);
      add("observation_period", id += 1, person, date(day), date(end));
      day = end + random.integer(1, 80);
    }
    // Circe leaves open which of several events of a day comes first: each day of a person has one.
    const days = new Set<number>();
    for (let left = random.integer(2, 40); left > 0; left--) days.add(random.integer(0, DAYS));
    for (const on of days) {
      const concept = random.integer(1, 12);
      const end = random.chance(0.3) ? null : date(on + random.integer(0, 12));
      const table = random.pick(Object.keys(DOMAINS).map((name) => [name, name === "drug_exposure" ? 3 : 1] as const));
      id += 1;
      const about = [id, person, (DOMAINS[table] ?? 0) + concept, date(on)] as const;
      switch (table) {
        case "condition_occurrence":
          add(table, ...about, end);
          break;
        case "drug_exposure":
          add(
            table,
            ...about,
            end,
            random.chance(0.5) ? null : STEP * random.integer(1, 12),
            random.chance(0.3) ? 100 + random.integer(1, 12) : 0,
          );
          break;
        case "measurement":
          add(
            table,
            ...about,
            random.chance(0.2) ? null : random.integer(0, 20) / 2,
            random.chance(0.3) ? null : 8000 + random.integer(1, 2),
          );
          break;
        default:
          add(table, ...about, end ?? date(on));
      }
    }
    if (random.chance(0.2)) add("death", person, date(random.integer(0, DAYS)), null);
  }
  return found;
}

function date(day: number): string {
  return new Date((FIRST + STEP * day) * 86_400_000).toISOString().slice(0, 10);
}

const POOL: Pool = {
  concepts: new Map([
    ...(["condition_occurrence", "drug_exposure", "measurement", "visit_occurrence"] as const).map((table) =>
      [table, Array.from({ length: 12 }, (_, at) => (DOMAINS[table] ?? 0) + at + 1)] as const
    ),
    ["death", []],
    ["observation_period", []],
  ]),
  days: Array.from({ length: 20 }, (_, at) => date(at * 15)),
  values: [0, 2.5, 5, 7.5, 10],
  units: [8001, 8002],
  birthdays: false,
};

const cohorts = Array.from({ length: COHORTS }, (_, number) => {
  const definition = number < ERAS
    ? eraCohort(number)
    : randomCohort(new Random(SEED, number), POOL);
  return { definition, circe: toCirce(readCohort(definition), new Map()) };
});

/** Every exposure enters, and stays until its era ends: an era's gap and end are met exactly. */
function eraCohort(number: number): ReturnType<typeof randomCohort> {
  const concepts = Array.from({ length: 12 }, (_, at) => ({ concept_id: 101 + at }));
  return {
    entry: [{ table: "drug_exposure" }],
    limit: "all",
    exit: { drug_era: { concepts, gap_days: STEP * number * 2, extra_days: number % 3 } },
  };
}

await say(JSON.stringify({ tables: { ...vocabulary(), ...records(new Random(SEED, 1_000)) }, cohorts }));
