import assert from "node:assert/strict";
import { comparedConcepts } from "../../../../src/omop/query/named_concepts.ts";

Deno.test("comparedConcepts() finds the concepts of filters, alternatives, sets and criteria of persons", () => {
  const query = {
    table: "condition_occurrence",
    columns: ["condition_concept_id"],
    filters: [
      { column: "condition_concept_id", op: "=", value: "201826" },
      { or: [{ column: "condition_type_concept_id", op: "in", value: [1, 2, null] }] },
      { column: "person.gender_concept_id", op: "=", value: 8507 },
      { column: "patient.race_concept_id", op: "=", value: 8527 },
      { column: "visit.care_site.place_of_service_concept_id", op: "=", value: 8717 },
      { column: "visit.admitted_from_concept_id", op: "=", value: 8863 },
      { column: "visit_detail.visit_detail_concept_id", op: "=", value: 9203 },
      { column: "no_such_table.visit_concept_id", op: "=", value: 9202 },
      { column: "person_id", op: "=", value: 7 },
      { column: "condition_concept_id", op: "!=", value: 8 },
      { not: [{ column: "condition_status_concept_id", op: "=", value: 9 }] },
    ],
    persons: {
      with: [{
        table: "Drug_exposure",
        filters: [{
          column: "drug_concept_id",
          op: "in_concept_set",
          value: { items: [{ concept_id: 3, include_descendants: true }, { concept_id: 4, exclude: true }] },
        }],
      }],
      without: [{ table: "death", filters: [{ column: "cause_concept_id", op: "in", value: [5] }] }],
    },
  };
  assert.deepEqual(comparedConcepts(query, "condition_occurrence", "5.4"), [
    { table: "condition_occurrence", column: "condition_concept_id", ids: [201826], descendants: false },
    { table: "condition_occurrence", column: "condition_type_concept_id", ids: [1, 2], descendants: false },
    { table: "person", column: "gender_concept_id", ids: [8507], descendants: false },
    { table: "person", column: "race_concept_id", ids: [8527], descendants: false },
    { table: "care_site", column: "place_of_service_concept_id", ids: [8717], descendants: false },
    { table: "visit_occurrence", column: "admitted_from_concept_id", ids: [8863], descendants: false },
    { table: "visit_detail", column: "visit_detail_concept_id", ids: [9203], descendants: false },
    {
      table: "condition_occurrence",
      column: "condition_status_concept_id",
      ids: [9],
      descendants: false,
      unwanted: true,
    },
    { table: "drug_exposure", column: "drug_concept_id", ids: [3], descendants: true },
    { table: "drug_exposure", column: "drug_concept_id", ids: [4], descendants: false, unwanted: true },
    { table: "death", column: "cause_concept_id", ids: [5], descendants: false, unwanted: true },
  ]);
});
