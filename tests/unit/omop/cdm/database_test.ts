import assert from "node:assert/strict";
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from "kysely";
import {
  type CdmDatabase,
  type CdmRow,
  type CdmTableName,
  cdmVersionSchema,
  tableNameSchema,
} from "../../../../src/omop/cdm/mod.ts";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

Deno.test("CdmDatabase types a Kysely query", function types() {
  const db = new Kysely<CdmDatabase<"5.4">>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (kysely) => new PostgresIntrospector(kysely),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
  const query = db.withSchema("cdm").selectFrom("visit_occurrence as v")
    .select(["v.person_id", "v.admitted_from_concept_id"]).where("v.visit_concept_id", "=", "9201").compile();
  assert.equal(
    query.sql,
    'select "v"."person_id", "v"."admitted_from_concept_id" from "cdm"."visit_occurrence" as "v" where "v"."visit_concept_id" = $1',
  );
});

Deno.test("CdmRow follows the version, the type and whether null is allowed", function rows() {
  // The compiler checks each line; at run time all are true.
  const facts: readonly true[] = [
    true satisfies Equal<CdmRow<"5.4", "person">["person_id"], string>,
    true satisfies Equal<CdmRow<"5.4", "person">["year_of_birth"], number>,
    true satisfies Equal<CdmRow<"5.4", "person">["month_of_birth"], number | null>,
    true satisfies Equal<CdmRow<"5.4", "cdm_source">["cdm_holder"], string>,
    true satisfies Equal<CdmRow<"5.3", "cdm_source">["cdm_holder"], string | null>,
    true satisfies Equal<"episode" extends CdmTableName<"5.3"> ? true : false, false>,
    true satisfies Equal<"attribute_definition" extends CdmTableName<"5.3"> ? true : false, true>,
    true satisfies Equal<
      "admitted_from_concept_id" extends keyof CdmRow<"5.3", "visit_detail"> ? true : false,
      false
    >,
  ];
  assert.equal(facts.length, 8);
});

Deno.test("tableNameSchema() is an enum of the version's tables", function enums() {
  assert.equal(tableNameSchema("5.3").options.length, 37);
  assert.equal(tableNameSchema("5.4").safeParse("episode").success, true);
  assert.equal(tableNameSchema("5.3").safeParse("episode").success, false);
  assert.equal(cdmVersionSchema.safeParse("6.0").success, false);
});
