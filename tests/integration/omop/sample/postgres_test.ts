/** The CDM's DDL, the sample and compiled queries against a real PostgreSQL. */
import assert from "node:assert/strict";
import { keyDdl, tableDdl } from "../../../../src/omop/cdm/mod.ts";
import { compileOmopQuery, type OmopQueryInput, omopQuerySchema } from "../../../../src/omop/query/mod.ts";
import { sampleTables } from "../../../../src/omop/sample/mod.ts";
import { ScratchPostgres } from "./scratch_postgres.ts";

Deno.test({
  name: "the sample loads into PostgreSQL with every key, and queries run",
  async fn(t) {
    await using postgres = await ScratchPostgres.start();

    await t.step("tableDdl() and keyDdl() are valid for 5.3", async function older() {
      const { primaryKeys, indices, foreignKeys } = keyDdl("5.3", "old cdm");
      const ddl = [...tableDdl("5.3", "old cdm"), ...primaryKeys, ...indices, ...foreignKeys];
      await postgres.run(`create schema "old cdm";\n${ddl.join(";\n")};`);
      const [tables] = await postgres.run("select count(*) from pg_tables where schemaname = 'old cdm';");
      assert.equal(tables, "37");
    });

    await t.step("sampleTables() loads by COPY, and violates no key", async function load() {
      const { primaryKeys, indices, foreignKeys } = keyDdl("5.4", "cdm");
      await postgres.run(ReadableStream.from(script()).pipeThrough(new TextEncoderStream()));
      await postgres.run(`${[...primaryKeys, ...indices, ...foreignKeys].join(";\n")};\nanalyze;`);
      const [keys] = await postgres.run(
        "select count(*) from pg_constraint where connamespace = 'cdm'::regnamespace and contype = 'f' and convalidated;",
      );
      assert.equal(keys, "176");
      const [persons] = await postgres.run("select count(*) from cdm.person;");
      assert.equal(persons, "1000");
    });

    for (const input of QUERIES) {
      await t.step(`compileOmopQuery() runs ${JSON.stringify(input)}`, async function query() {
        const compiled = compileOmopQuery(omopQuerySchema("5.4").parse(input), {
          version: "5.4",
          schema: "cdm",
          maxRows: 5,
        });
        const binds = compiled.parameters.map((value) => `'${String(value).replaceAll("'", "''")}'`).join(
          " ",
        );
        const rows = await postgres.run(`${compiled.sql} \\bind ${binds} \\g`);
        assert(rows.length > 0, "no rows");
        for (const row of rows) assert.equal(row.split("|").length, compiled.columns.length, row);
        const described = await postgres.run(`${compiled.sql} \\bind ${binds} \\gdesc`);
        assert.deepEqual(
          described.map((line) =>
            line.replace(/character varying.*/, "text").replace(/timestamp .*/, "timestamp")
          ),
          compiled.columns.map(({ name, type }) => `${name}|${type}`),
        );
      });
    }

    await t.step("compileOmopQuery() counts the same as a manual join", async function persons() {
      const compiled = compileOmopQuery(
        omopQuerySchema("5.4").parse({
          table: "condition_occurrence",
          group_by: ["condition_concept_id", "person.gender_concept_id"],
          aggregates: [{ fn: "count", column: "person_id", distinct: true, as: "persons" }],
          order_by: ["condition_concept_id", "person.gender_concept_id"],
        }),
        { version: "5.4", schema: "cdm", maxRows: 1_000 },
      );
      const rows = await postgres.run(`${compiled.sql} \\bind ${compiled.parameters.join(" ")} \\g`);
      assert(rows.length > 0, "no rows");
      assert.deepEqual(
        rows,
        await postgres.run(
          "select condition_concept_id, gender_concept_id, count(distinct person_id) " +
            "from cdm.condition_occurrence join cdm.person using (person_id) group by 1, 2 order by 1, 2;",
        ),
      );
    });

    await t.step("a hostile value is compared, not executed", async function hostile() {
      const { sql, parameters } = compileOmopQuery(
        omopQuerySchema("5.4").parse({
          table: "person",
          columns: ["person_id"],
          filters: [{
            column: "person_source_value",
            op: "=",
            value: "' or true; drop table cdm.person; --",
          }],
        }),
        { version: "5.4", schema: "cdm", maxRows: 5 },
      );
      const binds = parameters.map((value) => `'${String(value).replaceAll("'", "''")}'`).join(" ");
      assert.deepEqual(await postgres.run(`${sql} \\bind ${binds} \\g`), []);
      assert.deepEqual(await postgres.run("select count(*) from cdm.person;"), ["1000"]);
    });
  },
});

/** One of each operator, type and aggregate. */
const QUERIES: readonly OmopQueryInput[] = [
  { table: "person" },
  {
    table: "person",
    columns: ["gender_concept_id", "race_concept_id"],
    concept_name: true,
    order_by: ["race_concept_name"],
  },
  {
    table: "concept",
    filters: [{ column: "concept_name", op: "ilike", value: "%DIABETES%" }],
    concept_name: true,
  },
  {
    table: "concept_ancestor",
    concept_name: true,
    filters: [{ column: "min_levels_of_separation", op: ">", value: 0 }],
  },
  { table: "concept_relationship", concept_name: true },
  { table: "person", filters: [{ column: "birth_datetime", op: "<", value: "1990-01-01T12:30:00" }] },
  { table: "person", filters: [{ column: "person_id", op: "!=", value: "9223372036854775807" }] },
  { table: "measurement", filters: [{ column: "value_as_number", op: "between", value: ["6.5", 9.25] }] },
  { table: "measurement", filters: [{ column: "range_low", op: "is null" }] },
  { table: "visit_occurrence", filters: [{ column: "visit_concept_id", op: "in", value: [9201, "9203"] }] },
  { table: "visit_occurrence", filters: [{ column: "visit_source_value", op: "not in", value: ["office"] }] },
  {
    table: "condition_occurrence",
    filters: [{ column: "condition_end_date", op: "is not null" }, {
      column: "condition_start_date",
      op: ">=",
      value: "2020-02-29",
    }],
  },
  {
    table: "condition_occurrence",
    group_by: ["condition_concept_id", "condition_type_concept_id"],
    concept_name: true,
    aggregates: [{ fn: "count" }, { fn: "count", column: "person_id", distinct: true, as: "persons" }],
    order_by: ["-persons", "condition_concept_name"],
  },
  {
    table: "measurement",
    group_by: ["measurement_concept_id"],
    columns: ["measurement_concept_id"],
    aggregates: [
      { fn: "avg", column: "value_as_number" },
      { fn: "stddev", column: "value_as_number" },
      { fn: "median", column: "value_as_number" },
      { fn: "sum", column: "value_as_number", distinct: true },
      { fn: "min", column: "measurement_date" },
      { fn: "max", column: "measurement_datetime" },
      { fn: "max", column: "measurement_source_value" },
    ],
  },
  {
    table: "drug_exposure",
    aggregates: [{ fn: "sum", column: "days_supply" }, { fn: "avg", column: "refills" }, {
      fn: "max",
      column: "person_id",
    }, { fn: "median", column: "days_supply" }],
  },
  { table: "drug_exposure", group_by: ["drug_concept_id"], concept_name: true },
  {
    table: "visit_occurrence",
    columns: ["visit_start_date", "provider_id", "person.provider_id", "person.gender_concept_id"],
    concept_name: true,
    filters: [{ column: "person.year_of_birth", op: "<", value: 1980 }],
    order_by: ["person.gender_concept_id", "visit_start_date"],
  },
  {
    table: "condition_occurrence",
    group_by: ["condition_concept_id", "person.gender_concept_id"],
    concept_name: true,
    aggregates: [
      { fn: "count", column: "person_id", distinct: true, as: "persons" },
      { fn: "median", column: "person.year_of_birth" },
    ],
    order_by: ["-persons", "gender_concept_name"],
  },
];

function* script(): Generator<string, void, void> {
  yield `create schema cdm;\n${tableDdl("5.4", "cdm").join(";\n")};\n`;
  for (const { table, columns, text } of sampleTables({ persons: 1_000, seed: 1 })) {
    yield `copy cdm."${table}" (${columns.map((column) => `"${column}"`).join(", ")}) from stdin;\n`;
    yield text;
    yield "\\.\n";
  }
}
