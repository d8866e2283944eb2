/** Cohorts in Postgres: equal to circe's on the vectors, and to plain TypeScript on the sample with gaps. */
import assert from "node:assert/strict";
import pg from "pg";
import * as z from "zod";
import {
  cohortAttrition,
  cohortDefinitionSchema,
  cohortSelect,
  readCohort,
  toCirce,
} from "../../../../src/omop/cohorts/mod.ts";
import { cdmTables, createTable } from "../../../../src/omop/cdm/mod.ts";
import { quoteLiteral } from "../../../../src/lib/sql.ts";
import { Random } from "../../../../src/omop/sample/random.ts";
import { statement } from "../../../../src/omop/sql_compiler.ts";
import { repetitions } from "../../../fixtures/load.ts";
import { startPostgres } from "../../../fixtures/postgres/test_postgres.ts";
import vectors from "../../../vectors/cohorts/cohorts.json" with { type: "json" };
import { Rows } from "../query/rows.ts";
import { Evaluator } from "./evaluate.ts";
import { type Pool, randomCohort } from "./random_cohort.ts";

const VECTORS = z.object({
  tables: z.record(z.string(), z.array(z.array(z.union([z.string(), z.number(), z.null()])))),
  cohorts: z.array(z.object({
    definition: z.unknown(),
    circe: z.unknown(),
    rows: z.array(z.tuple([z.number(), z.string(), z.string()])),
  })),
}).parse(vectors);
/** The columns of the vectors' rows. */
const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  concept: ["concept_id", "invalid_reason"],
  concept_ancestor: ["ancestor_concept_id", "descendant_concept_id"],
  person: ["person_id", "gender_concept_id", "year_of_birth"],
  observation_period: [
    "observation_period_id",
    "person_id",
    "observation_period_start_date",
    "observation_period_end_date",
  ],
  condition_occurrence: [
    "condition_occurrence_id",
    "person_id",
    "condition_concept_id",
    "condition_start_date",
    "condition_end_date",
  ],
  drug_exposure: [
    "drug_exposure_id",
    "person_id",
    "drug_concept_id",
    "drug_exposure_start_date",
    "drug_exposure_end_date",
    "days_supply",
    "drug_source_concept_id",
  ],
  measurement: [
    "measurement_id",
    "person_id",
    "measurement_concept_id",
    "measurement_date",
    "value_as_number",
    "unit_concept_id",
  ],
  visit_occurrence: [
    "visit_occurrence_id",
    "person_id",
    "visit_concept_id",
    "visit_start_date",
    "visit_end_date",
  ],
  death: ["person_id", "death_date", "cause_concept_id"],
};

const SEED = 20_261_129;
const COHORTS = repetitions(120);

Deno.test("cohorts in Postgres", async (t) => {
  const server = await startPostgres({ sample: true });
  const client = new pg.Client({
    connectionString: server.adminUrl,
    types: { getTypeParser: () => (text: string) => text },
  });
  async function read(query: { readonly sql: string; readonly parameters: readonly string[] }) {
    const { rows } = await client.query<(string | null)[]>({
      text: query.sql,
      values: [...query.parameters],
      rowMode: "array",
    });
    return rows;
  }
  try {
    await client.connect();

    await t.step(
      "each definition of the vectors exports the JSON in which circe found its periods, and finds them",
      async () => {
        await client.query(vectorTables());
        assert.ok(VECTORS.cohorts.filter(({ rows }) => rows.length > 0).length > 40);
        for (const [number, { definition, circe, rows }] of VECTORS.cohorts.entries()) {
          const expression = readCohort(definition);
          assert.deepEqual(
            JSON.parse(JSON.stringify(toCirce(expression, new Map()))),
            circe,
            `cohort ${number}`,
          );
          const select = statement(cohortSelect(expression, "circe"));
          const found = await read({ ...select, sql: `${select.sql} order by 1, 2` });
          assert.deepEqual(
            found.map(([person, start, end]) => [Number(person), start, end]),
            rows,
            `cohort ${number}: ${JSON.stringify(definition)}`,
          );
        }
      },
    );

    await t.step(
      "random definitions have the persons and periods that plain TypeScript computes",
      async () => {
        const rows = await Rows.make(client);
        const evaluator = new Evaluator(rows);
        const pool = poolOf(rows);
        let found = 0;
        for (let number = 0; number < COHORTS; number++) {
          const input = randomCohort(new Random(SEED, number), pool);
          const expression = readCohort(input);
          const wanted = evaluator.evaluate(cohortDefinitionSchema.parse(input));
          const about = `cohort ${number}: ${JSON.stringify(input)}`;
          const attrition = await read(cohortAttrition(expression, "cdm").statement);
          assert.deepEqual(
            attrition.map(([, persons, events]) => [Number(persons), Number(events)]),
            wanted.steps,
            about,
          );
          const select = statement(cohortSelect(expression, "cdm"));
          const periods = await read({ ...select, sql: `${select.sql} order by 1, 2` });
          assert.deepEqual(
            periods.map(([person, start, end]) => [Number(person), start, end]),
            wanted.rows,
            about,
          );
          if (wanted.rows.length > 0) found++;
        }
        assert.ok(found > COHORTS / 3, `${found} of ${COHORTS} cohorts have persons`);
      },
    );
  } finally {
    await client.end();
    await server.stop();
  }
});

/** The vectors' CDM, in a schema of its own. */
function vectorTables(): string {
  const tables = cdmTables("5.4").filter(({ name }) => name in COLUMNS || name === "concept_relationship");
  const literal = (value: string | number | null) => value === null ? "null" : quoteLiteral(String(value));
  return [
    "create schema circe",
    // The rows have only what circe reads.
    ...tables.map((table) =>
      createTable(
        { ...table, columns: table.columns.map((column) => ({ ...column, required: false })) },
        "circe",
      )
    ),
    ...Object.entries(VECTORS.tables).map(([table, rows]) =>
      `insert into circe.${table} (${COLUMNS[table]?.join(", ")}) values ${
        rows.map((row) => `(${row.map(literal).join(", ")})`).join(", ")
      }`
    ),
    "analyze",
  ].join(";\n");
}

/** The concepts that the sample's events have, and some that they do not have. */
function poolOf(rows: Rows): Pool {
  const ids = (table: string, column: string) =>
    [...new Set(rows.all(table).map((row) => Number(row[column] ?? 0)))].sort((a, b) => a - b);
  const above = (concepts: readonly number[]) => [
    ...concepts,
    ...new Set(
      rows.all("concept_ancestor").filter((row) => concepts.includes(Number(row["descendant_concept_id"])))
        .map((row) => Number(row["ancestor_concept_id"])),
    ),
  ];
  const days = [...new Set(rows.all("visit_occurrence").map((row) => String(row["visit_start_date"])))]
    .sort();
  return {
    concepts: new Map([
      ["condition_occurrence", above(ids("condition_occurrence", "condition_concept_id"))],
      ["drug_exposure", above(ids("drug_exposure", "drug_concept_id"))],
      ["measurement", ids("measurement", "measurement_concept_id")],
      ["visit_occurrence", ids("visit_occurrence", "visit_concept_id")],
      ["death", []],
      ["observation_period", []],
    ]),
    days,
    values: [1, 5, 6.5, 7, 20, 80, 120, 140],
    units: ids("measurement", "unit_concept_id"),
    birthdays: true,
  };
}
