import assert from "node:assert/strict";
import { cdmTable, cdmTables, type CdmVersion } from "../../../../src/omop/cdm/mod.ts";
import { OmcpError } from "../../../../src/errors.ts";

Deno.test("cdmTables() has the specification's counts", function counts() {
  assert.equal(cdmTables("5.3").length, 37);
  assert.equal(cdmTables("5.4").length, 39);
  assert.equal(columnCount("5.3"), 396);
  assert.equal(columnCount("5.4"), 432);
});

Deno.test("cdmTables() refers only to existing primary keys", function references() {
  for (const version of ["5.3", "5.4"] as const) {
    for (const table of cdmTables(version)) {
      for (const { name, references } of table.columns) {
        if (references === undefined) continue;
        const target = cdmTable(version, references.table).columns.find(function named(column) {
          return column.name === references.column;
        });
        assert.equal(target?.primaryKey, true, `${version} ${table.name}.${name}`);
      }
    }
  }
});

Deno.test("cdmTables() has every identifier as bigint and keeps counts as integer", function wide() {
  for (const table of cdmTables("5.4")) {
    for (const column of table.columns) {
      if (column.type === "integer") assert.doesNotMatch(column.name, /_id(_\d)?$/);
    }
  }
  assert.equal(column("5.4", "person", "person_id").type, "bigint");
  assert.equal(column("5.4", "fact_relationship", "fact_id_1").type, "bigint");
  assert.equal(column("5.4", "person", "year_of_birth").type, "integer");
  assert.equal(column("5.4", "concept", "vocabulary_id").type, "varchar");
});

Deno.test("cdmTable() returns what differs between the versions", function differences() {
  assert.equal(column("5.3", "device_exposure", "unique_device_id").length, 50);
  assert.equal(column("5.4", "device_exposure", "unique_device_id").length, 255);
  assert.equal(column("5.3", "cdm_source", "cdm_holder").required, false);
  assert.equal(column("5.4", "cdm_source", "cdm_holder").required, true);
  assert.equal(column("5.3", "condition_era", "person_id").references, undefined);
  assert.deepEqual(column("5.4", "condition_era", "person_id").references, {
    table: "person",
    column: "person_id",
  });
});

Deno.test("cdmTable() suggests the closest name", function suggests() {
  assert.throws(
    () => cdmTable("5.4", "condition_occurence"),
    function check(error) {
      assert(error instanceof OmcpError);
      assert.equal(error.code, "invalid_argument");
      assert.match(error.next ?? "", /^Did you mean condition_occurrence/);
      return true;
    },
  );
  assert.throws(() => cdmTable("5.3", "episode"), /CDM 5\.3 has no table "episode"/);
});

function column(version: CdmVersion, table: string, name: string) {
  const found = cdmTable(version, table).columns.find(function named(candidate) {
    return candidate.name === name;
  });
  assert(found !== undefined, `${table}.${name}`);
  return found;
}

function columnCount(version: CdmVersion): number {
  return cdmTables(version).reduce(function add(sum, table) {
    return sum + table.columns.length;
  }, 0);
}
