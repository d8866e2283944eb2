/** Cohorts in Postgres: equal to circe's on the vectors, and to plain TypeScript on the sample with gaps. */
import assert from "node:assert/strict";
import pg from "pg";
import {
  cohortAttrition,
  cohortDefinitionSchema,
  cohortSelect,
  readCohort,
} from "../../../../src/omop/cohorts/mod.ts";
import { Random } from "../../../../src/omop/sample/random.ts";
import { statement } from "../../../../src/omop/sql_compiler.ts";
import { repetitions } from "../../../fixtures/load.ts";
import { startPostgres } from "../../../fixtures/postgres/test_postgres.ts";
import { Rows } from "../query/rows.ts";
import { Evaluator } from "./evaluate.ts";
import { type Pool, randomCohort } from "./random_cohort.ts";

const SEED = 20_261_129;
const COHORTS = repetitions(200);

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
        assert.ok(found > COHORTS / 2, `${found} of ${COHORTS} cohorts have persons`);
      },
    );
  } finally {
    await client.end();
    await server.stop();
  }
});

/** The concepts that the sample's events have, and some that they have not. */
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
  };
}
