import assert from "node:assert/strict";
import { eventually } from "../../fixtures/eventually.ts";
import { withServer } from "../../fixtures/server.ts";

Deno.test("concepts of the sample through MCP, without a sandbox", async (t) => {
  await withServer({}, async (server) => {
    async function text(tool: string, input: Record<string, unknown>): Promise<string> {
      return (await server.call(tool, input)).text;
    }

    await t.step("a concept set lists its members with their records, and its hash", async () => {
      const set = { items: [{ concept_id: 201820, include_descendants: true }] };
      await eventually(
        async () => !(await text("expand_concept_set", set)).includes("being counted"),
        "the records are counted",
      );
      const reply = await text("expand_concept_set", set);
      assert.match(reply, /^\d+ concepts: \d+ Condition, standard/);
      assert.match(reply, /^Definition [0-9a-f]{16}, members [0-9a-f]{32}$/m);
      assert.match(
        reply,
        /^201826 \| Type 2 diabetes mellitus \|.* \d+ records, \d+ persons in condition_occurrence/m,
      );
    });

    await t.step("a concept set that excludes all of itself is empty", async () => {
      const reply = await text("expand_concept_set", {
        items: [{ concept_id: 201826 }, { concept_id: 201820, include_descendants: true, exclude: true }],
      });
      assert.match(reply, /^0 concepts\nDefinition [0-9a-f]{16}, members none$/m);
    });

    await t.step("ATLAS's JSON is read and written", async () => {
      const atlas = { items: [{ concept: { CONCEPT_ID: 201820 }, includeDescendants: true }] };
      const reply = await text("expand_concept_set", { atlas, export_atlas: true });
      const exported = reply.split("\n").at(-1) ?? "";
      assert.match(exported, /"CONCEPT_NAME":"Diabetes mellitus".*"includeDescendants":true/);
      assert.equal(await text("expand_concept_set", { atlas: exported }), reply.split("\n\nATLAS:")[0]);
    });

    await t.step("a concept that the CDM lacks is an error that names similar ones", async () => {
      const typo = await text("expand_concept_set", { items: [{ concept_id: 201862 }] });
      assert.match(
        typo,
        /^Error concept_not_found: This CDM has no concept 201862\.[^]*similar id 201826 Type 2/,
      );
      const code = await text("expand_concept_set", { items: [{ concept_id: 44054006 }] });
      assert.match(code, /it is the code of 201826 Type 2 diabetes mellitus/);
    });
  });
});
