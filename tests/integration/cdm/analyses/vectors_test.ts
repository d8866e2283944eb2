/** Every analysis on a real Postgres equals one that counts days in sets and leaves the statistics to others: tests/vectors/analyses. */
import assert from "node:assert/strict";
import { sql } from "kysely";
import { CdmAnalyses } from "../../../../src/cdm/analyses/mod.ts";
import { ANALYSES, analysisSchema } from "../../../../src/omop/analyses/mod.ts";
import { assertLogRank, assertRows } from "../../../fixtures/cdm/analysis_rows.ts";
import type { DisclosedSource } from "../../../../src/cdm/disclosure/disclosure.ts";
import { testSource } from "../../../fixtures/cdm/test_source.ts";
import { vectorCdm, vectorCohort, VECTORS } from "../../../fixtures/cdm/vector_cdm.ts";
import { startPostgres } from "../../../fixtures/postgres/test_postgres.ts";

const NEVER = new AbortController().signal;
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

Deno.test("analyses equal counts of days in sets, and lifelines, scipy, statsmodels and pandas", async (t) => {
  const postgres = await startPostgres();
  try {
    await postgres.sql(VECTORS.map(vectorCdm).join(""));
    for (const vector of VECTORS) {
      const { source, database } = testSource(postgres, `cdm_${vector.name}`);
      const analyses = new CdmAnalyses(source);
      const options = {
        cohort: (name: string) => vectorCohort(vector, name),
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
              sql`with the_cohort as (${vectorCohort(vector, name)}) select * from the_cohort`;
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
