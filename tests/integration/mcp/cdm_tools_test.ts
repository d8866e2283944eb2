import assert from "node:assert/strict";
import { withServer } from "../../fixtures/server.ts";

Deno.test("the tools about the whole CDM, on the sample", async (t) => {
  await withServer({}, async (server) => {
    async function text(tool: string, input: Record<string, unknown>): Promise<string> {
      return (await server.call(tool, input)).text;
    }

    await t.step("describe_cdm shows the source, the observed time and every table in 4 kB", async () => {
      const reply = await text("describe_cdm", {});
      assert.match(reply, /^OMOP CDM 5\.4 in schema cdm: 39 tables/);
      assert.match(reply, /^Source: OMCP synthetic sample, released 2024-12-31, vocabulary sample subset$/m);
      assert.match(reply, /^Observed: 1,000 persons, from 2015-\d\d-\d\d to 2024-12-31$/m);
      assert.match(reply, /^- person \(1,000\): One row per person/m);
      assert.match(reply, /^- measurement \(≈ \d\d,\d{3}\): /m);
      assert.match(reply, /^Empty: .*\bobservation\b/m);
      assert.ok(reply.length < 4_000, `${reply.length} characters`);
    });

    await t.step("describe_cdm shows the columns of tables, and takes one name or several", async () => {
      const person = await text("describe_cdm", { table: "Person" });
      assert.match(person, /^person \(1,000\): /);
      assert.match(
        person,
        /^gender_concept_id \| bigint \| → concept, required \| 0 % \| ≈ 2 \| Sex: 8507 male/m,
      );
      assert.match(person, /^Referred to by: observation_period\.person_id, /m);
      const both = await text("describe_cdm", { tables: ["death", "note"] });
      assert.match(both, /^death \(\d+\): [^]*^note \(0\): /m);
      assert.match(
        await text("describe_cdm", { table: "conditions" }),
        /Did you mean condition_occurrence\?/,
      );
    });

    await t.step("describe_cdm checks the data, and the sample passes", async () => {
      const reply = await text("describe_cdm", { data_quality: true });
      assert.match(
        reply,
        /^Data quality: 15 checks of \d+ tables in .* s: 0 failed, 0 to look at, 15 passed\.$/m,
      );
      assert.match(reply, /^- plausibleBeforeDeath \(DQD, at most 1 %\): .*: 0 of [\d,]+$/m);
    });
  });
});
