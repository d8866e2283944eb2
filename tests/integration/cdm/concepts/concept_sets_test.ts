/** Concept sets and notes on a real Postgres, whose vocabulary has gaps: see tests/vectors/concept_sets. */
import assert from "node:assert/strict";
import * as z from "zod";
import { CdmConcepts } from "../../../../src/cdm/concepts/mod.ts";
import { quoteLiteral } from "../../../../src/lib/sql.ts";
import { cdmTables, createTable } from "../../../../src/omop/cdm/mod.ts";
import { cdmRevision, conceptSetMembers, conceptSetSchema } from "../../../../src/omop/concepts/mod.ts";
import { statement } from "../../../../src/omop/sql_compiler.ts";
import { testSource } from "../../../fixtures/cdm/test_source.ts";
import { eventually } from "../../../fixtures/eventually.ts";
import { startPostgres } from "../../../fixtures/postgres/test_postgres.ts";
import vectors from "../../../vectors/concept_sets/vocabulary_and_sets.json" with { type: "json" };

const NEVER = new AbortController().signal;
const flag = z.string().nullable();
const VECTORS = z.object({
  concept: z.array(z.tuple([z.number(), z.string(), flag, flag])),
  concept_ancestor: z.array(z.tuple([z.number(), z.number(), z.number()])),
  concept_relationship: z.array(z.tuple([z.number(), z.number(), z.string(), flag])),
  sets: z.array(conceptSetSchema.extend({ members: z.array(z.number()) })),
}).parse(vectors);

/** Concepts beside those of the vectors: id, name, standard_concept, invalid_reason. */
const CONDITIONS = `
  (1000, 'Ancestor without records', 'S', null), (1001, 'Descendant with records', 'S', null),
  (1002, 'Source concept', null, null), (1003, 'Unused', 'S', null), (1004, 'Old concept', null, 'U'),
  (1005, 'Nothing', 'S', null)`;

function rows(table: readonly (readonly unknown[])[]): string {
  const literal = (value: unknown): string => value === null ? "null" : quoteLiteral(String(value));
  return table.map((row) => `(${row.map(literal).join(", ")})`).join(", ");
}

/** The schema `cdm` with the vectors' vocabulary and a few records. */
function setup(): string {
  const tables = cdmTables("5.4").map((table) => createTable(table, "cdm")).join(";\n");
  const days = "'2000-01-01', '2099-12-31'";
  return `create schema cdm; ${tables};
    insert into cdm.concept select v.id::bigint, v.name, 'Condition', 'Test', 'Class', v.standard, 'C' || v.id, ${days}, v.invalid
      from (values ${rows(VECTORS.concept)}) as v(id, name, standard, invalid);
    insert into cdm.concept select v.id, v.name, 'Condition', 'Test', 'Class', v.standard, 'C' || v.id, ${days}, v.invalid
      from (values ${CONDITIONS}) as v(id, name, standard, invalid);
    insert into cdm.concept_ancestor select a::bigint, d::bigint, l::int, l::int
      from (values ${rows(VECTORS.concept_ancestor)}, ('1000', '1001', '1')) as v(a, d, l);
    insert into cdm.concept_relationship select a::bigint, b::bigint, r, ${days}, i
      from (values ${rows(VECTORS.concept_relationship)}, ('1002', '1001', 'Maps to', null)) as v(a, b, r, i);
    insert into cdm.person (person_id, gender_concept_id, year_of_birth, race_concept_id, ethnicity_concept_id)
      select i, 0, 1970, 0, 0 from generate_series(1, 3) as i;
    insert into cdm.condition_occurrence (condition_occurrence_id, person_id, condition_concept_id, condition_start_date,
      condition_type_concept_id, condition_source_concept_id)
      select i, 1 + i % 2, 1001, '2020-01-01', 0, 1002 from generate_series(1, 5) as i;
    insert into cdm.measurement (measurement_id, person_id, measurement_concept_id, measurement_date, measurement_type_concept_id,
      value_as_number, unit_concept_id, unit_source_value)
      select i, 1, 1003, '2020-01-01', 0, nullif(i, 9), case when i < 5 then 1001 else 0 end, case when i < 8 then 'mg' end
      from generate_series(1, 9) as i;
    grant usage on schema cdm to omcp_reader; grant select on all tables in schema cdm to omcp_reader`;
}

Deno.test("concept sets and notes on a vocabulary with gaps", async (t) => {
  const postgres = await startPostgres();
  const { source, database } = testSource(postgres);
  const concepts = new CdmConcepts(source);
  try {
    await postgres.sql(setup());

    await t.step("each set has the members that circe finds", async () => {
      const reader = await database.reader(NEVER);
      assert.ok(VECTORS.sets.length >= 20);
      for (const { items, members } of VECTORS.sets) {
        const { sql, parameters } = statement(conceptSetMembers({ items }, "cdm"));
        const found = await reader.read({ sql, parameters }, { rows: 1000, bytes: 1e6, ms: 10_000 }, NEVER);
        assert.deepEqual(
          found.map(([id]) => Number(id)).sort((left, right) => left - right),
          members,
          JSON.stringify(items),
        );
      }
    });

    const column = { table: "condition_occurrence", column: "condition_concept_id" };
    await t.step(
      "a query without rows names records under descendants, in other columns and of mapped concepts",
      async () => {
        await concepts.usage.ready(10_000);
        assert.ok(concepts.usage.done);
        const note = async (id: number) =>
          await concepts.conceptNotes({ ids: [id], column, empty: true }, NEVER);
        assert.deepEqual(await note(1000), [
          "No rows for 1000 Ancestor without records: 5 records are under 1 descendant (1001): include descendants.",
        ]);
        assert.deepEqual(await note(1002), [
          "No rows for 1002 Source concept: condition_occurrence.condition_source_concept_id has 5 records of it; " +
          "it maps to 1001 Descendant with records (5 records).",
        ]);
        assert.deepEqual(await note(1003), [
          "No rows for 1003 Unused: measurement.measurement_concept_id has 9 records of it.",
        ]);
        assert.deepEqual(await note(1005), [
          "No rows for 1005 Nothing: neither it, a descendant nor a mapped concept has a record in this CDM.",
        ]);
        // The concept is not why there are no rows.
        assert.deepEqual(await note(1001), [
          "1001 Descendant with records has 5 records in condition_occurrence: another condition leaves no row.",
        ]);
        const included = { ids: [1000], column, descendants: true, empty: true };
        assert.deepEqual(await concepts.conceptNotes(included, NEVER), [
          "1000 Ancestor without records has 5 records under its descendants, which are included: " +
          "another condition, or their column, leaves no row.",
        ]);
      },
    );

    await t.step(
      "numbers of a concept are summarised by unit, a unit without a concept by its text",
      async () => {
        const { numbers } = await concepts.measurements("Unused", NEVER);
        const found = numbers.units.map((
          { unit, records, numbers, range },
        ) => [unit, records, numbers, range?.[2]]);
        assert.deepEqual(found, [
          ["Descendant with records", 4, 4, "2.5"],
          ["mg", 3, 3, "6"],
          [null, 2, 1, "8"],
        ]);
      },
    );

    await t.step("a query warns of concepts that are not standard or not valid, before it runs", async () => {
      assert.deepEqual(await concepts.conceptNotes({ ids: [1001, 1002, 1004, 0], column }, NEVER), [
        "Warning: 1002 Source concept is not standard; it maps to 1001 Descendant with records (5 records).",
        "Warning: 1004 Old concept is not standard and invalid (U).",
      ]);
      const ofSource = { ...column, column: "condition_source_concept_id" };
      assert.deepEqual(await concepts.conceptNotes({ ids: [1002], column: ofSource }, NEVER), []);
    });

    await t.step("rows of people who have no row in person are counted", async () => {
      await postgres.sql(
        "insert into cdm.observation_period select i, i / 2, '2020-01-01', '2020-12-31', 0 from generate_series(1, 13) as i",
      );
      assert.deepEqual(await concepts.orphans.note("observation_period"), [
        "Warning: person lacks 4 ids that 7 rows of observation_period have; they count unless a condition leaves them out. " +
        'For that, add {"column": "person.person_id", "op": "is not null"} to filters.',
      ]);
      assert.deepEqual(await concepts.orphans.note("condition_occurrence"), []);
      assert.deepEqual(await concepts.orphans.note("concept; drop table cdm.person"), []);
    });

    await t.step("a concept that only the data have is a warning", async () => {
      await postgres.sql(
        "update cdm.condition_occurrence set condition_concept_id = 5000 where condition_occurrence_id = 1",
      );
      assert.deepEqual(await concepts.conceptNotes({ ids: [5000], column }, NEVER), [
        "Warning: condition_concept_id has 5000, which this CDM's concept table lacks.",
      ]);
    });

    await t.step("a concept that the CDM lacks ends a query, with what may be meant", async () => {
      await assert.rejects(concepts.conceptNotes({ ids: [1001, 1010], column }, NEVER), {
        code: "concept_not_found",
        message: "This CDM has no concept 1010",
        next: /1010: nothing similar$/,
      });
    });
    await t.step(
      "what shows a reload: tables made again, emptied or described otherwise, and a vocabulary's rows",
      async () => {
        const reader = await database.reader(NEVER);
        let before: string | null | undefined;
        const changed = async (): Promise<boolean> => {
          const { sql, parameters } = cdmRevision("cdm", source.relations);
          const [row] = await reader.read({ sql, parameters }, { rows: 1, bytes: 1e6, ms: 10_000 }, NEVER);
          const was = before;
          before = row?.[0];
          return before !== was;
        };
        await changed();
        assert.equal(await changed(), false);
        await postgres.sql("update cdm.person set year_of_birth = 1971");
        assert.equal(await changed(), false, "a row of a person");
        await postgres.sql("create table cdm.notes (a int)");
        assert.equal(await changed(), false, "a table that is not of the CDM");
        for (
          const sql of [
            "truncate cdm.death",
            "insert into cdm.cdm_source select 'a', 'b', 'c', 'd', 'e', 'f', '2020-01-01', '2020-01-01', '5.4', 0, 'g'",
            "drop table cdm.note; create table cdm.note (note_id int)",
          ]
        ) {
          await postgres.sql(sql);
          assert.equal(await changed(), true, sql);
          assert.equal(await changed(), false, sql);
        }
        await postgres.sql("update cdm.concept set concept_name = 'Renamed' where concept_id = 1005");
        await eventually(changed, "Postgres's statistics show the change");
      },
    );

    await t.step("after a reload, concepts are read, counted and indexed again", async () => {
      const own = testSource(postgres);
      const reloaded = new CdmConcepts(own.source, undefined, 0);
      const name = async (): Promise<string> => (await reloaded.get(1005, 1, NEVER)).concept.concept_name;
      const search = async (text: string): Promise<readonly number[]> =>
        (await reloaded.search({ text, code: false, facets: { standard: false } }, NEVER)).hits
          .map(({ concept }) => concept.concept_id);
      try {
        assert.equal(await name(), "Renamed");
        assert.deepEqual(await search("renamed"), [1005]);
        await eventually(() => Promise.resolve(reloaded.indexReady), "the index is ready");
        const { usage } = reloaded;
        assert.ok(usage.done);
        await postgres.sql(
          "update cdm.concept set concept_name = 'Loaded again' where concept_id = 1005; truncate cdm.death",
        );
        assert.equal(await name(), "Loaded again");
        assert.notEqual(reloaded.usage, usage);
        await eventually(
          async () => (await search("loaded"))[0] === 1005 && reloaded.indexReady,
          "the new index",
        );
        assert.deepEqual(await search("renamed"), []);
      } finally {
        await reloaded.close();
        await own.database.close();
      }
    });
  } finally {
    await concepts.close();
    await database.close();
    await postgres.stop();
  }
});
