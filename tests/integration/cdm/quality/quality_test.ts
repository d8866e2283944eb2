/** Data quality and descriptions on a real Postgres, with a CDM in which each violation was put by hand. */
import assert from "node:assert/strict";
import { CdmDescription } from "../../../../src/cdm/description/description.ts";
import { cdmTables, createTable } from "../../../../src/omop/cdm/mod.ts";
import { testSource } from "../../../fixtures/cdm/test_source.ts";
import { startPostgres } from "../../../fixtures/postgres/test_postgres.ts";

const NEVER = new AbortController().signal;

/** Person, concept, day and, if there are any, the last day and the visit; each with what it violates. */
const CONDITIONS = `
  (1, 100, '2015-01-01', null, 1),          -- nothing
  (1, 0, '2015-01-01', null, null),         -- conceptMapped
  (1, 101, '2015-01-01', null, null),       -- standardValid: not standard
  (1, 103, '2015-01-01', null, null),       -- standardValid: not valid
  (1, 102, '2015-01-01', null, null),       -- domain
  (1, 999, '2015-01-01', null, null),       -- standardValid: not in concept
  (1, 100, '1940-01-01', null, null),       -- dateRange, afterBirth, outsidePeriod
  (1, 100, '2015-01-01', '2014-12-31', null), -- startBeforeEnd
  (5, 100, '2015-06-01', null, null),       -- beforeDeath
  (5, 100, '2015-02-01', null, null),       -- nothing: within 60 days of the death
  (1, 100, '2015-02-01', null, 1),          -- withinVisit
  (98, 100, '2015-01-01', null, null),      -- isForeignKey, outsidePeriod
  (4, 100, '2015-01-01', null, null)        -- outsidePeriod: the only period is inside out
`;

function setup(): string {
  const tables = cdmTables("5.4").filter(({ name }) => name !== "note").map((table) =>
    createTable(table, "cdm")
  )
    .join(";\n");
  return `create schema cdm; ${tables};
    insert into cdm.concept select id, 'Concept', domain, 'Test', 'Class', standard, 'C', '2000-01-01', '2099-12-31', invalid
      from (values (100, 'Condition', 'S', null), (101, 'Condition', null, null), (102, 'Drug', 'S', null),
      (103, 'Condition', 'S', 'U')) as v(id, domain, standard, invalid);
    insert into cdm.person (person_id, gender_concept_id, year_of_birth, race_concept_id, ethnicity_concept_id)
      select i, case when i = 1 then 0 else 8507 end, case when i = 2 then 1700 else 1970 end, 0, 0 from generate_series(1, 10) as i
      union all select 10, 8507, 1970, 0, 0;
    insert into cdm.observation_period select i, i, case i when 3 then '1960-01-01' when 4 then '2015-01-01' else '2010-01-01' end::date,
      case i when 4 then '2014-01-01' else '2020-12-31' end::date, 0 from unnest('{1,2,3,4,5,6,7,8,10,99}'::int[]) as i;
    insert into cdm.death (person_id, death_date) values (5, '2015-01-01');
    insert into cdm.visit_occurrence (visit_occurrence_id, person_id, visit_concept_id, visit_start_date, visit_end_date, visit_type_concept_id)
      values (1, 1, 100, '2015-01-01', '2015-01-02', 0);
    insert into cdm.condition_occurrence (condition_occurrence_id, person_id, condition_concept_id, condition_start_date,
      condition_end_date, visit_occurrence_id, condition_type_concept_id)
      select row_number() over (), p, c, d::date, e::date, v, 0 from (values ${CONDITIONS}) as r(p, c, d, e, v);
    insert into cdm.measurement (measurement_id, person_id, measurement_concept_id, measurement_date, measurement_type_concept_id, value_as_number)
      select i, 1, 0, '2015-01-01', 0, nullif(i, 2) from generate_series(1, 2) as i;
    alter table cdm.procedure_occurrence drop column procedure_date;
    alter table cdm.person add column site_code varchar(7);
    analyze cdm.person;
    grant usage on schema cdm to omcp_reader; grant select on all tables in schema cdm to omcp_reader`;
}

Deno.test("data quality and descriptions of a CDM with known violations", async (t) => {
  const postgres = await startPostgres();
  const { source, database } = testSource(postgres);
  const description = new CdmDescription(source);
  try {
    await postgres.sql(setup());

    await t.step("each check counts the violations and the records that it is about", async () => {
      const { findings, unchecked } = await description.quality({ ms: 30_000, signal: NEVER });
      const found = Object.fromEntries(
        findings.map(({ id, verdict, tables }) => [
          id,
          [verdict, ...tables.map(({ table, found, of }) => `${table} ${found}/${of}`)],
        ]),
      );
      assert.deepEqual(found, {
        isPrimaryKey: ["failed", "person 2/11"],
        genderMapped: ["failed", "person 1/11"],
        birthYear: ["failed", "person 1/11"],
        personCompleteness: ["failed", "person 1/11"],
        isForeignKey: ["failed", "observation_period 1/10", "condition_occurrence 1/13"],
        conceptMapped: ["failed", "measurement 2/2", "condition_occurrence 1/13"],
        standardValid: ["failed", "condition_occurrence 3/13"],
        domain: ["failed", "visit_occurrence 1/1", "condition_occurrence 1/13"],
        dateRange: ["failed", "condition_occurrence 1/13"],
        startBeforeEnd: ["failed", "condition_occurrence 1/1", "observation_period 1/10"],
        afterBirth: ["failed", "observation_period 1/9", "condition_occurrence 1/12"],
        beforeDeath: ["failed", "condition_occurrence 1/2"],
        withinVisit: ["failed", "condition_occurrence 1/2"],
        noValue: ["look", "measurement 1/2"],
        outsidePeriod: ["look", "condition_occurrence 3/13"],
      });
      assert.match(unchecked.get("procedure_occurrence") ?? "", /procedure_date/);
      assert.equal(unchecked.size, 1);
    });

    await t.step(
      "only the tables that are asked for are checked, and no statement starts without time",
      async () => {
        const { findings, tables } = await description.quality({
          tables: ["death"],
          ms: 30_000,
          signal: NEVER,
        });
        assert.deepEqual(tables, ["death"]);
        assert.ok(findings.every(({ verdict }) => verdict === "passed"));
        const late = await description.quality({ tables: ["death", "person"], ms: 0, signal: NEVER });
        assert.deepEqual([...late.unchecked.keys()], ["person", "death"]);
        assert.deepEqual(late.findings, []);
      },
    );

    await t.step("small tables are counted, and columns are those of the database", async () => {
      const names = [...await description.tables(NEVER)];
      assert.ok(!names.includes("note"));
      const rows = await description.rows(names, NEVER);
      assert.deepEqual(rows.get("person"), { rows: 11, by: "exact" });
      assert.deepEqual(rows.get("cost"), { rows: 0, by: "exact" });
      const columns = (await description.columns(["person", "death"], NEVER)).get("person") ?? [];
      assert.deepEqual(columns.at(-1), {
        name: "site_code",
        type: "character varying(7)",
        nulls: 1,
        distinct: 0,
      });
      assert.equal(columns.find(({ name }) => name === "year_of_birth")?.type, "integer");
    });

    await t.step("a table beyond the count has the database's estimate", async () => {
      await postgres.sql(`insert into cdm.location (location_id) select i from generate_series(1, 12000) as i;
        analyze cdm.location; insert into cdm.care_site (care_site_id) select i from generate_series(1, 12000) as i`);
      const rows = await description.rows(["location", "care_site"], NEVER);
      assert.deepEqual(rows.get("location"), { rows: 12_000, by: "estimate" });
      assert.deepEqual(rows.get("care_site"), { rows: 10_000, by: "more" });
    });
  } finally {
    await database.close();
    await postgres.stop();
  }
});
