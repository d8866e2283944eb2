import assert from "node:assert/strict";
import { newSandbox, withServer } from "../../fixtures/server.ts";

Deno.test("query_omop through MCP", async (t) => {
  await withServer({}, async (server) => {
    const sandbox_id = await newSandbox(server);
    async function query(input: Record<string, unknown>) {
      return await server.call("query_omop", { sandbox_id, ...input });
    }
    async function value(code: string) {
      return (await server.call("execute_python_code", { sandbox_id, code })).text;
    }

    await t.step("puts the rows into a DataFrame of the requested name", async () => {
      const reply = await query({
        table: "person",
        columns: ["person_id", "gender_concept_id", "year_of_birth"],
        concept_name: true,
        into: "people",
      });
      assert.equal(reply.isError, false, reply.text);
      assert.match(reply.text, /`people`: 1,000 rows × 4 columns/);
      assert.doesNotMatch(reply.text, /truncated/);
      assert.match(
        reply.text,
        /Columns: person_id Int64, gender_concept_id Int64, gender_concept_name string, year_of_birth Int64/,
      );
      assert.match(
        await value("people.shape, sorted(people.gender_concept_name.unique())"),
        /\(\(1000, 4\), \['FEMALE', 'MALE'\]\)/,
      );
    });

    await t.step("says to close connections if the sandbox has all it may have", async () => {
      await value("import psycopg; open_ones = [psycopg.connect() for _ in range(8)]");
      const { text } = await query({ table: "person" });
      assert.match(
        text,
        /^Error database_refused: [^]*8 connections open[^]*Next: Close those[^]*retryable: no/,
      );
      await value("for one in open_ones: one.close()");
    });

    await t.step(
      "shows a drug with form and strength, and says how much of a longer value it cuts",
      async () => {
        const drug = await query({
          table: "concept",
          columns: ["concept_name"],
          filters: [{ column: "concept_name", op: "ilike", value: "24 HR metformin%" }],
        });
        assert.match(drug.text, /^24 HR metformin hydrochloride 500 MG .* Tablet$/m);
        const longer = await query({
          table: "concept",
          columns: ["concept_name"],
          filters: [{ column: "concept_name", op: "ilike", value: "Glomerular filtration rate%" }],
        });
        assert.match(longer.text, /^.{80}… \(\+\d+ characters\)$/m);
      },
    );

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
      assert.match(reply.text, /`top`: 5 rows/);
      assert.match(reply.text, /truncated: there are more than 5 rows/);
      assert.match(await value("bool(top.persons.is_monotonic_decreasing)"), /True/);
    });

    await t.step("accepts names and values that a model writes as in SQL", async () => {
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

    await t.step(
      "says what it understood, and leaves SQL, time and truncation with the DataFrame",
      async () => {
        const reply = await query({
          table: "condition_occurrence",
          per_person: "first",
          then_filters: [{ or: [{ column: "age_at(condition_start_date)", op: ">=", value: 40 }] }],
          persons: { with: [{ table: "drug_exposure", window: { from: 0, to: 30 } }] },
          columns: ["person_id", "year(condition_start_date) as year", "visit.visit_concept_id"],
          limit: 3,
          into: "firsts",
        });
        assert.match(
          reply.text,
          /^Understood: rows of condition_occurrence; of those each person's first by condition_start_date; kept if /m,
        );
        const shown = await value(
          "print(firsts.attrs['truncated'], firsts.attrs['sql'][-7:], firsts.attrs['time'][:2], *firsts.columns)",
        );
        assert.match(shown, /True limit 4 20 person_id year visit_concept_id/);
      },
    );

    await t.step("explains without running", async () => {
      const { text } = await query({ table: "measurement", explain: true, into: "unborn" });
      assert.match(text, /^The query was not run\.\nUnderstood: rows of measurement\n[^]*rows=\d+/);
      assert.match(await value("'unborn' in globals()"), /False/);
    });

    await t.step("shows units, warns where they are mixed, and says where there are no values", async () => {
      const mean = [{ fn: "avg", column: "value_as_number", as: "mean" }];
      const { text } = await query({ table: "measurement", aggregates: mean });
      assert.match(text, /^Warning: 1 shown row mixed units/m);
      const nothing = await query({
        table: "measurement",
        filters: [{ column: "person_id", op: "=", value: -1 }],
        aggregates: mean,
      });
      assert.match(nothing.text, /^no values \| no values$/m);
    });

    await t.step("binds values: an injection is just a string", async () => {
      const reply = await query({
        table: "concept",
        filters: [{ column: "concept_name", op: "=", value: "x'; DROP TABLE person; -- 😀 \\" }],
        into: "nothing",
      });
      assert.match(reply.text, /`nothing`: 0 rows/);
      assert.match(reply.text, /SQL: .* = 'x''; DROP TABLE person; -- 😀 \\' /);
      assert.match(await value("len(nothing)"), /0/);
    });

    await t.step("shows SQL that runs unchanged, and the singular for one row", async () => {
      const reply = await query({
        table: "person",
        columns: ["person_id"],
        filters: [{ column: "person_id", op: "in", value: [1, 2] }, {
          column: "birth_datetime",
          op: ">=",
          value: "1900-01-01",
        }],
        limit: 1,
      });
      assert.match(reply.text, /DataFrame `omop_df`: 1 row × 1 column \(/);
      assert.match(reply.text, /more than 1 row;/);
      const sql = /^SQL: (.*)$/m.exec(reply.text)?.[1] ?? "";
      assert.match(
        await value(`__import__("psycopg").connect().execute(${JSON.stringify(sql)}).fetchall()`),
        /\[\(1,\), \(2,\)\]/,
      );
    });

    await t.step("names what is wrong with a query", async () => {
      const reply = await query({ table: "person", columns: ["gender_concept"] });
      assert.equal(reply.isError, true);
      assert.match(reply.text, /gender_concept_id/);
      assert.equal((await query({ table: "pg_shadow" })).isError, true);
      assert.match((await query({ table: "person", into: "class" })).text, /into/);
    });
  });
});
