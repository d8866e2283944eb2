/** Runs the blocks of the pages that are guides, each page in a sandbox of one server. */
import assert from "node:assert/strict";
import { guideCalls, runGuide } from "../../../examples/guide.ts";
import { PROJECT, withServer } from "../../fixtures/server.ts";

/** Page → what its results show, in this order. */
const GUIDES: Readonly<Record<string, readonly RegExp[]>> = {
  "examples/five_questions.md": [
    /^4283893 \| Sinusitis \|/m,
    /^40481087 \| Viral sinusitis \| 364 \| 300$/m,
    /^3000963 \| Hemoglobin .*gram per deciliter/m,
    /^2024 \| 8713 \| gram per deciliter \| 144 /m,
    /^Cohort celecoxib_users: 11 persons/,
    /^2 \| 51 \| 50$/m,
    /^40213154 \| Influenza, .* \| 714 \| 1351$/m,
  ],
  "docs/earlier_tools.md": [
    /^OMOP CDM 5\.4 in schema cdm/,
    /^condition_concept_id \| bigint \|/m,
    /`sql_df`: 2 rows × 2 columns/,
    /^8507 \| MALE \| \d+$/m,
    /`diabetes`: 330 rows × 2 columns/,
    /\(1000,\)/,
    /`demographics`: \d+ rows × 4 columns/,
    /^320128 \| Essential hypertension \| 269 \| 773$/m,
    /records_per_person/,
    /1000/,
  ],
  // analyses.md uses a cohort of cohorts.md: one server holds both.
  "docs/cohorts.md": [
    /^Cohort new_celecoxib: \d+ persons/,
    /^Cohort bleeding_or_anaemia: \d+ persons/,
  ],
  "docs/analyses.md": [
    /^Cohort new_diclofenac: \d+ persons/,
    /Understood: Incidence rate [^]*^new_celecoxib \| all \| all \| 11 \|/m,
    /Understood: Survival [^]*^new_diclofenac \| 8 \|/m,
    /Understood: Table one[^]*^diabetes \|/m,
    /Understood: Characterisation/,
    /Understood: Point prevalence [^]*^everybody \| all \| 2023-01-01 \| 877 \|/m,
  ],
  "docs/sqlalchemy.md": [
    /persons/,
    /youngest: \d{4} conditions: \d+\npersons with type 2 diabetes: 100/,
    /\d+ columns; latest measurement 2024-/,
    /^39\d{3} rows$/m,
    /^refused: /m,
  ],
};

Deno.test("the guides run on the sample, and show what they say", async (t) => {
  // A page's first cell imports much: a busy machine may need more than a client's usual wait.
  await withServer({ OMCP_WAIT_SECONDS: "240" }, async ({ client }) => {
    for (const [page, expected] of Object.entries(GUIDES)) {
      await t.step(page, async () => {
        const markdown = await Deno.readTextFile(`${PROJECT}/${page}`);
        const texts: string[] = [];
        let images = 0;
        for await (const { text, images: { length } } of runGuide(client, guideCalls(markdown))) {
          texts.push(text);
          images += length;
        }
        let at = 0;
        for (const pattern of expected) {
          const found = texts.slice(at).findIndex((text) => pattern.test(text));
          assert.ok(found >= 0, `${pattern} in\n${texts.slice(at).join("\n\n")}`);
          at += found + 1;
        }
        const figures = markdown.match(/^!\[/gm)?.length ?? 0;
        // A page that shows texts only leaves out the charts of its analyses.
        if (figures > 0) assert.equal(images, figures, "each figure of the page is drawn");
      });
    }
  });
});
