import assert from "node:assert/strict";
import { type CdmColumn, cdmTable, cdmTables } from "../../../../src/omop/cdm/mod.ts";
import { type ParsedRow, parseSample } from "./parsed_sample.ts";

const SAMPLE = parseSample(400, 1);

Deno.test("sampleFiles() has values of each column's type, and no null in a required column", function types() {
  for (const [table, rows] of Object.entries(SAMPLE)) {
    for (const column of cdmTable("5.4", table).columns) {
      for (const row of rows) checkCell(table, column, row[column.name] ?? null);
    }
  }
});

Deno.test("sampleFiles() has unique primary keys", function keys() {
  for (const [table, rows] of Object.entries(SAMPLE)) {
    const key = cdmTable("5.4", table).columns.find((column) => column.primaryKey)?.name;
    if (key !== undefined) assert.equal(new Set(rows.map((row) => row[key])).size, rows.length, table);
  }
  assert.equal(new Set(SAMPLE["death"]?.map((row) => row["person_id"])).size, SAMPLE["death"]?.length);
});

Deno.test("sampleFiles() satisfies every foreign key", function references() {
  let checked = 0;
  for (const table of cdmTables("5.4")) {
    for (const { name, references } of table.columns) {
      if (references === undefined) continue;
      const targets = new Set(SAMPLE[references.table]?.map((row) => row[references.column]));
      for (const row of SAMPLE[table.name] ?? []) {
        const value = row[name] ?? null;
        if (value !== null) assert(targets.has(value), `${table.name}.${name} = ${value}`);
        checked++;
      }
    }
  }
  assert(checked > 100_000);
});

Deno.test("sampleFiles() has no record outside a person's observation period or after death", function spans() {
  const spans = new Map(
    SAMPLE["observation_period"]?.map(function span(row) {
      return [row["person_id"], [
        row["observation_period_start_date"] ?? "",
        row["observation_period_end_date"] ?? "",
      ]];
    }),
  );
  for (const [table, rows] of Object.entries(SAMPLE)) {
    if (table === "person" || table === "observation_period") continue;
    const days = cdmTable("5.4", table).columns.filter((column) => /_date(time)?$/.test(column.name));
    for (const row of rows) {
      const span = spans.get(row["person_id"] ?? null);
      if (span === undefined) continue;
      for (const { name } of days) {
        const day = row[name]?.slice(0, 10);
        if (day !== undefined) {
          assert(day >= (span[0] ?? "") && day <= (span[1] ?? ""), `${table}.${name} ${day} ${span}`);
        }
      }
    }
  }
  for (const row of SAMPLE["death"] ?? []) {
    assert.equal(row["death_date"], spans.get(row["person_id"] ?? null)?.[1]);
  }
});

Deno.test("sampleFiles() has no end before its start", function order() {
  const pairs = [
    ["visit_occurrence", "visit_start_datetime", "visit_end_datetime"],
    ["condition_occurrence", "condition_start_date", "condition_end_date"],
    ["drug_exposure", "drug_exposure_start_date", "drug_exposure_end_date"],
    ["condition_era", "condition_era_start_date", "condition_era_end_date"],
    ["drug_era", "drug_era_start_date", "drug_era_end_date"],
    ["observation_period", "observation_period_start_date", "observation_period_end_date"],
  ] as const;
  for (const [table, start, end] of pairs) {
    for (const row of SAMPLE[table] ?? []) {
      if (row[end] !== null) assert((row[start] ?? "") <= (row[end] ?? ""), JSON.stringify(row));
    }
  }
});

Deno.test("sampleFiles() has each concept as its own descendant, and only ancestors that exist", function ancestors() {
  const pairs = new Set(SAMPLE["concept_ancestor"]?.map(pairOf));
  const hierarchical = SAMPLE["concept"]?.filter(function standard(row) {
    return row["standard_concept"] === "S" && ["Condition", "Drug"].includes(row["domain_id"] ?? "");
  }) ?? [];
  assert(hierarchical.length > 100);
  for (const { concept_id } of hierarchical) {
    assert(pairs.has(`${concept_id} ${concept_id}`), String(concept_id));
  }
  assert(pairs.has("134057 312327"), "a myocardial infarction is a cardiovascular disorder");
  assert(pairs.has("1503297 40163924"), "metformin is in its tablet");
  assert(pairs.has("201820 201826"), "type 2 diabetes is diabetes");
});

Deno.test("sampleFiles() states that the data are synthetic", function synthetic() {
  assert.match(SAMPLE["cdm_source"]?.[0]?.["source_description"] ?? "", /synthetic/);
});

function pairOf(row: ParsedRow): string {
  return `${row["ancestor_concept_id"]} ${row["descendant_concept_id"]}`;
}

function checkCell(table: string, column: CdmColumn, value: string | null): void {
  const where = `${table}.${column.name} = ${value}`;
  if (value === null) return assert(!column.required, where);
  switch (column.type) {
    case "bigint":
    case "integer":
      return assert.match(value, /^\d+$/, where);
    case "numeric":
      return assert.match(value, /^\d+(\.\d+)?$/, where);
    case "date":
      return assert.match(value, /^\d{4}-\d\d-\d\d$/, where);
    case "timestamp":
      return assert.match(value, /^\d{4}-\d\d-\d\d ([01]\d|2[0-3]):[0-5]\d:00$/, where);
    case "varchar":
    case "text":
      return assert(value.length > 0 && value.length <= (column.length ?? Infinity), where);
  }
}
