/** Every analysis on a real Postgres equals one that counts days in sets and leaves the statistics to others: tests/vectors/analyses. */
import assert from "node:assert/strict";
import { sql } from "kysely";
import * as z from "zod";
import { CdmAnalyses } from "../../../../src/cdm/analyses/mod.ts";
import { quoteLiteral } from "../../../../src/lib/sql.ts";
import { ANALYSES, analysisSchema } from "../../../../src/omop/analyses/mod.ts";
import { cdmTables, createTable } from "../../../../src/omop/cdm/mod.ts";
import {
  assertLogRank,
  assertRows,
  expectedSchema,
  type Row,
  value,
} from "../../../fixtures/cdm/analysis_rows.ts";
import type { DisclosedSource } from "../../../../src/cdm/disclosure/disclosure.ts";
import { testSource } from "../../../fixtures/cdm/test_source.ts";
import { startPostgres } from "../../../fixtures/postgres/test_postgres.ts";
import vectors from "../../../vectors/analyses/analyses.json" with { type: "json" };

const NEVER = new AbortController().signal;
const row = z.array(value);
const VECTORS = z.array(z.object({
  name: z.string(),
  tables: z.object({
    person: z.array(row),
    observation_period: z.array(row),
    events: z.array(row),
    death: z.array(row),
    cohorts: z.record(z.string(), z.array(row)),
  }),
  cases: z.array(expectedSchema),
})).parse(vectors);

type Vector = typeof VECTORS[number];

function values(rows: readonly Row[]): string {
  const literal = (one: Row[number]): string => one === null ? "null" : quoteLiteral(String(one));
  return `values ${rows.map((one) => `(${one.map(literal).join(", ")})`).join(", ")}`;
}

/** One CDM in a schema of its own. Clinical tables may lack dates. */
function setup({ name, tables }: Vector): string {
  const schema = `cdm_${name}`;
  const events = [
    ["condition_occurrence", "condition_concept_id", "condition_start_date"],
    ["drug_exposure", "drug_concept_id", "drug_exposure_start_date"],
    ["procedure_occurrence", "procedure_concept_id", "procedure_date"],
  ].map(([table = "", concept, date]) => {
    const rows = tables.events.filter(([of]) => of === table).map(([, ...rest], at) => [at + 1, ...rest]);
    const columns = cdmTables("5.4").find((one) => one.name === table)?.columns ?? [];
    const free = columns.filter(({ primaryKey }) => !primaryKey).map(({ name }) =>
      `alter table ${schema}.${table} alter ${name} drop not null;`
    );
    return `${free.join("")} insert into ${schema}.${table} (${table}_id, person_id, ${concept}, ${date})
      select i::bigint, p::bigint, c::bigint, d::date from (${values(rows)}) as v(i, p, c, d);`;
  });
  return `create schema ${schema}; ${cdmTables("5.4").map((table) => createTable(table, schema)).join(";")};
    insert into ${schema}.concept select id, name, 'Test', 'Test', 'Test', 'S', id::text, '2000-01-01', '2099-12-31', null
      from (values (201, 'Outcome'), (202, 'Kind of outcome'), (301, 'First'), (302, 'Second'), (303, 'Third'),
        (8507, 'MALE'), (8532, 'FEMALE'), (8527, 'White'), (8515, 'Asian')) as v(id, name);
    insert into ${schema}.concept_ancestor values (201, 202, 1, 1), (201, 201, 0, 0);
    insert into ${schema}.person (person_id, gender_concept_id, race_concept_id, year_of_birth, month_of_birth, day_of_birth,
        birth_datetime, ethnicity_concept_id)
      select a::bigint, b::bigint, c::bigint, d::int, e::int, f::int, g::timestamp, 0
      from (${values(tables.person)}) as v(a, b, c, d, e, f, g);
    insert into ${schema}.observation_period select a::bigint, b::bigint, c::date, d::date, 0
      from (${values(tables.observation_period)}) as v(a, b, c, d);
    insert into ${schema}.death (person_id, death_date) select a::bigint, b::date
      from (${values(tables.death)}) as v(a, b);
    ${events.join("")}
    grant usage on schema ${schema} to omcp_reader; grant select on all tables in schema ${schema} to omcp_reader;`;
}

/** A source, and how often its statements have a text. */
function counting(source: DisclosedSource, text: string) {
  let found = 0;
  const own: DisclosedSource = {
    schema: source.schema,
    version: source.version,
    load: source.load,
    get relations() {
      return source.relations;
    },
    async reader(signal) {
      const reader = await source.reader(signal);
      return {
        read(statement, limits, ending) {
          found += statement.sql.split(text).length - 1;
          return reader.read(statement, limits, ending);
        },
        stream: reader.stream.bind(reader),
      };
    },
  };
  return { source: own, found: () => found };
}

/** A held cohort's SELECT. */
function cohortOf({ tables }: Vector, name: string) {
  const rows = tables.cohorts[name] ?? [];
  const nobody = "select null, null, null where false";
  return sql.raw(`select p::bigint as person_id, s::date as cohort_start_date, e::date as cohort_end_date
    from (${rows.length === 0 ? nobody : values(rows)}) as v(p, s, e)`);
}

Deno.test("analyses equal counts of days in sets, and lifelines, scipy, statsmodels and pandas", async (t) => {
  const postgres = await startPostgres();
  try {
    await postgres.sql(VECTORS.map(setup).join(""));
    for (const vector of VECTORS) {
      const { source, database } = testSource(postgres, `cdm_${vector.name}`);
      const analyses = new CdmAnalyses(source);
      const options = {
        cohort: (name: string) => cohortOf(vector, name),
        ms: 30_000,
        signal: NEVER,
        progress: () => {},
      };
      try {
        for (const { request, rows, log_rank } of vector.cases) {
          await t.step(`${vector.name}: ${JSON.stringify(request)}`, async () => {
            const result = await analyses.run(analysisSchema.parse(request), options);
            assertRows(result.table, rows);
            if (log_rank !== undefined) assertLogRank(result.notes.join("\n"), log_rank);
          });
        }
        for (const analysis of ANALYSES) {
          await t.step(`${vector.name}: ${analysis} evaluates the cohort once`, async () => {
            const request = analysisSchema.parse({
              analysis,
              cohort: "target",
              ...(["table_one", "characterize"].includes(analysis) ? {} : { outcome: { death: true } }),
              ...(analysis === "prevalence" ? { periods: { from: "2012-01-01", to: "2012-12-31" } } : {}),
            });
            const counted = counting(source, "from the_cohort");
            const cohort = (name: string) =>
              sql`with the_cohort as (${cohortOf(vector, name)}) select * from the_cohort`;
            await new CdmAnalyses(counted.source).run(request, { ...options, cohort });
            assert.equal(counted.found(), 1);
          });
        }
        await t.step(`${vector.name}: a cohort of nobody is an error that says so`, async () => {
          const request = analysisSchema.parse({ analysis: "table_one", cohort: "nobody" });
          await assert.rejects(analyses.run(request, options), {
            code: "invalid_argument",
            message: "Cannot analyse nobody: nobody is in it",
          });
        });
      } finally {
        await database.close();
      }
    }
  } finally {
    await postgres.stop();
  }
});
