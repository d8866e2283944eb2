/** The analyses equal SQL by another author, by_hand.sql, on the sample, a small CDM with ties and dirty data, and with OMCP_TEST_GIBLEED=on GiBleed. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { sql } from "kysely";
import * as z from "zod";
import { CdmAnalyses } from "../../../../src/cdm/analyses/mod.ts";
import { folderSource, loadCdm } from "../../../../src/cdm/load/mod.ts";
import { analysisSchema } from "../../../../src/omop/analyses/mod.ts";
import { urlUpstream } from "../../../../src/postgres/mod.ts";
import { assertRows, value } from "../../../fixtures/cdm/analysis_rows.ts";
import { testSource } from "../../../fixtures/cdm/test_source.ts";
import { vectorCdm, VECTORS } from "../../../fixtures/cdm/vector_cdm.ts";
import { startPostgres, type TestPostgres } from "../../../fixtures/postgres/test_postgres.ts";
import byHand from "./by_hand.sql" with { type: "text" };

const NEVER = new AbortController().signal;
const GIBLEED = fileURLToPath(new URL("../../../../../shared/data/gibleed_5.3", import.meta.url));
const QUERIES = new Map(
  byHand.split(/^-- name: /m).slice(1).map((part) => {
    const [name = "", ...lines] = part.split("\n");
    return [name, lines.join("\n")];
  }),
);
const found = z.array(z.record(z.string(), value));

/** The drug and the condition that most persons have. */
async function concepts(postgres: TestPostgres, cdm: string) {
  const most = async (column: string, table: string) =>
    Number(
      await postgres.sql(`select ${column} from ${cdm}.${table} where ${column} > 0 group by 1
        order by count(distinct person_id) desc, 1 limit 1`),
    );
  return {
    drug: await most("drug_concept_id", "drug_exposure"),
    condition: await most("condition_concept_id", "condition_occurrence"),
  };
}

async function compare(t: Deno.TestContext, postgres: TestPostgres, cdm: string): Promise<void> {
  const { drug, condition } = await concepts(postgres, cdm);
  const { source, database } = testSource(postgres, cdm);
  const analyses = new CdmAnalyses(source);
  const filled = (text: string | undefined) =>
    (text ?? "").replaceAll("{cdm}", cdm).replaceAll("{drug}", String(drug))
      .replaceAll("{condition}", String(condition));
  const items = [{ concept_id: condition, include_descendants: true }];
  const requests = {
    table_one: { analysis: "table_one", cohort: "target", covariates: [{ name: "before", items }] },
    characterize: { analysis: "characterize", cohort: "target", top: 50 },
    incidence: {
      analysis: "incidence_rate",
      cohort: "target",
      outcome: { items },
      time_at_risk: { start_offset: 1, end_with: "start", end_offset: 90 },
      strata: ["gender", "age_group"],
    },
    survival: {
      analysis: "survival",
      cohort: "target",
      outcome: { items },
      time_at_risk: { end_with: "observation_end" },
      strata: ["gender"],
    },
    prevalence: {
      analysis: "prevalence",
      outcome: { items },
      periods: { from: "2012-01-01", to: "2020-12-31" },
      strata: ["gender"],
    },
  };
  try {
    for (const [name, request] of Object.entries(requests)) {
      await t.step(`${cdm}: ${name}`, async () => {
        const { table } = await analyses.run(analysisSchema.parse(request), {
          cohort: () =>
            sql.raw(`select person_id, drug_exposure_start_date as cohort_start_date,
              drug_exposure_end_date as cohort_end_date from ${cdm}.drug_exposure where drug_concept_id = ${drug}`),
          ms: 60_000,
          signal: NEVER,
          progress: () => {},
        });
        const query = `${filled(QUERIES.get("shared"))}${filled(QUERIES.get(name))}`;
        const rows = found.parse(
          JSON.parse(await postgres.sql(`select json_agg(r) from (${query}) as q(r)`)),
        );
        assert.ok(rows.length > 3, `${rows.length} rows`);
        const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
        // A cell that a row does not have.
        const cells = rows.map((row) => columns.map((column) => column in row ? row[column] ?? null : "~"));
        assertRows(table, { columns, rows: cells });
      });
    }
  } finally {
    await database.close();
  }
}

Deno.test("analyses equal SQL that another author wrote from OHDSI's definitions", async (t) => {
  const postgres = await startPostgres({ sample: true });
  try {
    await compare(t, postgres, "cdm");
    const ties = VECTORS.find(({ name }) => name === "ties");
    assert.ok(ties !== undefined);
    await postgres.sql(vectorCdm(ties));
    await compare(t, postgres, "cdm_ties");
    if (Deno.env.get("OMCP_TEST_GIBLEED") === "on") {
      await loadCdm({
        source: await folderSource(GIBLEED),
        upstream: urlUpstream(postgres.adminUrl),
        schema: "gibleed",
        reader: "omcp_reader",
        signal: NEVER,
      });
      await compare(t, postgres, "gibleed");
    }
  } finally {
    await postgres.stop();
  }
});
