import assert from "node:assert/strict";
import * as z from "zod";
import { newSandbox, withServer } from "../fixtures/server.ts";

const columnsSchema = z.array(z.object({ name: z.string(), type: z.string(), dtype: z.string() }));

Deno.test("query_omop through MCP", async (t) => {
  await withServer({}, async (server) => {
    const sandbox_id = await newSandbox(server);
    async function query(input: Record<string, unknown>) {
      return await server.call("query_omop", { sandbox_id, ...input });
    }
    async function value(code: string) {
      return (await server.call("execute_python_code", { sandbox_id, code })).text;
    }

    await t.step("lands rows as a DataFrame under the name that was asked for", async () => {
      const reply = await query({
        table: "person",
        columns: ["person_id", "gender_concept_id", "year_of_birth"],
        concept_name: true,
        into: "people",
      });
      assert.equal(reply.isError, false, reply.text);
      assert.equal(reply.structured.row_count, 1000);
      assert.equal(reply.structured.truncated, false);
      const columns = columnsSchema.parse(reply.structured.columns);
      assert.deepEqual(columns.map(({ name }) => name), [
        "person_id",
        "gender_concept_id",
        "gender_concept_name",
        "year_of_birth",
      ]);
      assert.equal(columns[0]?.dtype, "Int64");
      assert.match(
        await value("people.shape, sorted(people.gender_concept_name.unique())"),
        /\(\(1000, 4\), \['FEMALE', 'MALE'\]\)/,
      );
    });

    await t.step("groups, aggregates and orders", async () => {
      const reply = await query({
        table: "condition_occurrence",
        group_by: ["condition_concept_id"],
        aggregates: [{ fn: "count", column: "person_id", distinct: true, as: "persons" }],
        concept_name: true,
        order_by: ["-persons"],
        limit: 5,
        into: "top",
      });
      assert.equal(reply.structured.row_count, 5);
      assert.equal(reply.structured.truncated, true);
      assert.match(reply.text, /truncated/);
      assert.match(await value("bool(top.persons.is_monotonic_decreasing)"), /True/);
    });

    await t.step("understands what a model writes in SQL's way", async () => {
      const reply = await query({
        table: "PERSON",
        group_by: "Gender_Concept_Id",
        aggregates: [{ fn: "count", column: "*", as: "n" }],
        columns: null,
        order_by: "n desc",
        limit: "10",
        into: "by_gender",
      });
      assert.equal(reply.isError, false, reply.text);
      assert.match(reply.text, /DataFrame `by_gender`: 2 rows × 2 columns \(.* in memory\)/);
      assert.match(await value("int(by_gender.n.sum())"), /1000/);
    });

    await t.step("binds values: an injection is just a string", async () => {
      const reply = await query({
        table: "concept",
        filters: [{ column: "concept_name", op: "=", value: "x'; DROP TABLE person; -- 😀 \\" }],
        into: "nothing",
      });
      assert.equal(reply.structured.row_count, 0);
      assert.ok(!String(reply.structured.sql).includes("DROP"));
      assert.match(await value("len(nothing)"), /0/);
    });

    await t.step("says what is wrong with a query so that it can be mended", async () => {
      const reply = await query({ table: "person", columns: ["gender_concept"] });
      assert.equal(reply.isError, true);
      assert.match(reply.text, /gender_concept_id/);
      assert.equal((await query({ table: "pg_shadow" })).isError, true);
      assert.match((await query({ table: "person", into: "class" })).text, /into/);
    });
  });
});
