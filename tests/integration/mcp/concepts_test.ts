import assert from "node:assert/strict";
import { eventually } from "../../fixtures/eventually.ts";
import { newSandbox, withServer } from "../../fixtures/server.ts";

Deno.test("concepts of the sample through MCP, without a sandbox", async (t) => {
  await withServer({}, async (server) => {
    async function text(tool: string, input: Record<string, unknown>): Promise<string> {
      return (await server.call(tool, input)).text;
    }

    await t.step("the first search answers with and without the index and the counts", async () => {
      const reply = await text("search_concepts", { text: "diabetes mellitus" });
      assert.match(reply, /^201820 \| Diabetes mellitus \|.* \| name \| /m);
    });

    await t.step("a search finds names, words in any order and misspelt words", async () => {
      await eventually(
        async () => !(await text("search_concepts", { text: "diabetes" })).includes("\n["),
        "the index is ready, and the records are counted",
        60_000,
      );
      assert.match(
        await text("search_concepts", { text: "diabetes" }),
        /^2 hits for "diabetes":\n.*\n201820 \|.* \| prefix \| 1 \| no records; 334 records under 1 descendant\n201826 .*\| words \|/,
      );
      assert.match(
        await text("search_concepts", { text: "hemorrhage gastrointestinal" }),
        /^192671 \| Gastrointestinal hemorrhage \| .*\| words \| /m,
      );
      assert.match(
        await text("search_concepts", { text: "diabetis mellitus" }),
        /"diabetis": taken as diabetes\.\n.*\n201820 .*\| similar \|/,
      );
      assert.match(
        await text("search_concepts", { text: "metformin", domain: "drug", concept_class: "Ingredient" }),
        /^1 hit .*\n.*\n1503297 \| metformin \|.*952 records under 1 descendant$/m,
      );
    });

    await t.step("a code that is not standard comes with the concept that it maps to", async () => {
      for (const input of [{ code: "K92.2" }, { code: "k922" }, { text: "K92.2" }]) {
        assert.match(
          await text("search_concepts", input),
          /Not standard[^]*^35208414 \|.*ICD10CM K92\.2 .*→ Maps to 192671 Gastrointestinal hemorrhage \(Condition, 7 records, 7 persons/m,
        );
      }
    });

    await t.step("a search without a hit says what to try", async () => {
      assert.match(
        await text("search_concepts", { text: "xyzzyq" }),
        /^No concept matches "xyzzyq"\.\n\nNext: try other/,
      );
      assert.match(
        await text("search_concepts", { text: "…" }),
        /^Error invalid_argument: The text has no letter/,
      );
      assert.match(
        await text("search_concepts", { code: "K92.3" }),
        /^No concept has the code "K92\.3"\.\n\nCodes like it, in any vocabulary:\n35208414 \|.*ICD10CM K92\.2 .*\n\nVocabularies of this CDM's concepts: SNOMED, .*\bICD10CM\b.*\.\nNext: correct the code/,
      );
      // The code exists, in another vocabulary; and a part of one leads to it.
      for (const input of [{ code: "K92.2", vocabulary: "SNOMED" }, { code: "K92" }, { code: "K92.21" }]) {
        assert.match(await text("search_concepts", input), /^Codes like it.*\n35208414 \|/m);
      }
      // Each of these characters is 15 letters.
      const start = performance.now();
      assert.match(
        await text("search_concepts", { code: "\u{fdfa}".repeat(50) }),
        /^No concept has the code ".*"\.\n\nVocabularies of this CDM's concepts: /,
      );
      assert.ok(performance.now() - start < 5_000, "the server was held up");
      // 74474003 begins with it: more than one character is missing.
      assert.match(await text("search_concepts", { code: "744740" }), /^Codes like it.*\n192671 \|/m);
      assert.match(
        await text("search_concepts", { code: "zzzzzz" }),
        /^No concept has the code "zzzzzz"\.\n\nVocabularies of this CDM's concepts: /,
      );
      assert.match(
        await text("search_concepts", { text: "diabetes", domain: "Conditon", vocabulary: "SNOMED CT" }),
        /^No concept matches "diabetes"\.\nNo concept has the domain "Conditon"\. Similar: Condition\. Domains of this CDM's concepts: .*\bDrug\b.*\.\nNo concept has the vocabulary "SNOMED CT"\. Similar: SNOMED\. Vocabularies/,
      );
      assert.match(
        await text("search_concepts", { text: "diabetes", concept_class: "Ingredeint" }),
        /^No concept has the concept_class "Ingredeint"\. Similar: Ingredient\. Classes of this CDM's concepts: /m,
      );
      assert.match(await text("search_concepts", {}), /^Error invalid_argument: Pass either text or code/);
    });

    await t.step("a concept is shown with its mappings and its relatives by level", async () => {
      const diabetes = await text("get_concept", { concept_id: 201820 });
      assert.match(
        diabetes,
        /^201820 Diabetes mellitus\nCondition, SNOMED 73211009, Clinical Finding, standard\n/,
      );
      assert.match(
        diabetes,
        /^Descendants: 1, by level 1: 1\nlevel 1 \| 201826 \| Type 2 diabetes mellitus /m,
      );
      const code = await text("get_concept", { concept_id: 35208414 });
      assert.match(code, /^Maps to \| 192671 \| Gastrointestinal hemorrhage \|.*7 records/m);
      assert.match(await text("get_concept", { concept_id: 201862 }), /^Error concept_not_found: /);
    });

    await t.step("measurements are shown with their numbers by unit", async () => {
      assert.match(
        await text("find_measurement", { text: "hemoglobin" }),
        /^Of 2 concepts matching "hemoglobin", 2 have records, 2 have numbers\.\n.*\n3004410 \|.*\| measurement \| percent \(8554\) \| 1,129 \| 345 \| 1,129 \| 0 \| 4\.0 /,
      );
      assert.match(
        await text("find_measurement", { text: "metformin" }),
        /^None of 2 concepts matching "metformin" has a measurement/,
      );
      assert.match(
        await text("find_measurement", { text: "serum weight" }),
        /^Of \d+ concepts with some of the words .*\nNo concept has all the words/,
      );
    });

    await t.step(
      "a query warns of its concepts, explains an empty result, and refuses a concept that is not there",
      async () => {
        const sandbox_id = await newSandbox(server);
        async function count(concept: number): Promise<string> {
          return await text("query_omop", {
            sandbox_id,
            table: "condition_occurrence",
            filters: [{ column: "condition_concept_id", op: "=", value: concept }],
            aggregates: [{ fn: "count", as: "n" }],
          });
        }
        assert.match(
          await count(201820),
          /^No rows for 201820 Diabetes mellitus: 334 records are under 1 descendant \(201826\): include descendants\.$/m,
        );
        assert.match(
          await count(35208414),
          /: .*it maps to 192671 Gastrointestinal hemorrhage \(7 records\)\.$/m,
        );
        assert.match(await count(201862), /^Error concept_not_found: This CDM has no concept 201862\./);
        assert.doesNotMatch(await count(201826), /Warning|No rows/);
      },
    );

    await t.step("a concept set lists its members with their records, and its hash", async () => {
      const set = { items: [{ concept_id: 201820, include_descendants: true }] };
      await eventually(
        async () => !(await text("expand_concept_set", set)).includes("being counted"),
        "the records are counted",
        60_000,
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
      assert.doesNotMatch(reply, /Warning/);
      assert.match(
        await text("expand_concept_set", { items: [{ concept_id: 201826, exclude: true }] }),
        /^Warning: It has only items with exclude, so the set is empty\.$/m,
      );
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
