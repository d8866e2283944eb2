import assert from "node:assert/strict";
import { sql } from "kysely";
import {
  type OmopQueryInput,
  omopQuerySchema,
  type PersonSet,
  personSet,
} from "../../../../src/omop/query/mod.ts";
import { statement } from "../../../../src/omop/sql_compiler.ts";

const SCHEMA = omopQuerySchema("5.4");

function heldPersons(query: OmopQueryInput, cohort = sql<unknown>`select 1`): PersonSet {
  return personSet(SCHEMA.parse(query), { version: "5.4", schema: "cdm", cohort: () => cohort });
}

Deno.test("personSet() says which persons they are, and their time", () => {
  const persons = [{ fn: "count_persons" as const }];
  const filters = [{ column: "condition_concept_id", op: "=" as const, value: 201826 }];
  assert.deepEqual(heldPersons({ table: "condition_occurrence", filters, aggregates: persons }).meaning, [
    "Persons of: number of persons of condition_occurrence where condition_concept_id = 201826",
    "Time: from condition_start_date to condition_end_date of each row; periods that overlap are one",
  ]);
  const often = {
    table: "measurement",
    group_by: ["person_id"],
    aggregates: [{ fn: "count" as const }],
    having: [{ column: "count", op: ">", value: 3 }],
  };
  assert.match(
    heldPersons(often).meaning[1] ?? "",
    /measurement_date to the same day, the first and the last of the group/,
  );
  assert.match(heldPersons({ table: "person" }).meaning[1] ?? "", /each of the person's observation periods/);
});

Deno.test("personSet() does not depend on order, limit or the columns that are returned", () => {
  const query = {
    table: "measurement",
    filters: [{ column: "value_as_number", op: ">" as const, value: 7 }],
  };
  const other = { ...query, columns: ["measurement_date"], limit: 5, order_by: ["measurement_date"] };
  assert.deepEqual(statement(heldPersons(query).rows), statement(heldPersons(other).rows));
});

Deno.test("personSet() refuses a result without persons, and a definition that other queries could not contain", () => {
  const group = { table: "person", group_by: ["gender_concept_id"], aggregates: [{ fn: "count" as const }] };
  const refused: readonly (readonly [OmopQueryInput, RegExp])[] = [
    [{ table: "concept" }, /the table concept has no person_id/],
    [{ ...group, having: [{ column: "count", op: ">", value: 3 }] }, /a group is not a person/],
  ];
  for (const [query, message] of refused) {
    assert.throws(() => heldPersons(query), { code: "invalid_argument", message });
  }
  // The values are parameters, which count, too.
  const column = "condition_source_value";
  const value = Array.from({ length: 1_000 }, () => "x".repeat(60));
  const long: OmopQueryInput = { table: "condition_occurrence", filters: [{ column, op: "in", value }] };
  assert.throws(() => heldPersons(long), { message: /as SQL it has 6\d\d\d\d characters, of at most 50000/ });
  const cohort = sql<unknown>`select ${sql.raw("1 + ".repeat(15_000))} 1`;
  assert.throws(() => heldPersons({ table: "cohort", cohort: "x" }, cohort), { message: /of at most 50000/ });
});
