import assert from "node:assert/strict";
import { keyDdl, tableDdl } from "../../../../src/omop/cdm/mod.ts";

Deno.test("tableDdl() returns one statement per table, with quoted identifiers", function statements() {
  const ddl = tableDdl("5.4", "cdm");
  assert.equal(ddl.length, 39);
  const person = ddl.find((statement) => statement.startsWith('CREATE TABLE "cdm"."person" ('));
  assert.match(person ?? "", /\n {2}"person_id" bigint NOT NULL,\n {2}"gender_concept_id" bigint NOT NULL,/);
  assert.match(person ?? "", /"person_source_value" varchar\(50\),/);
  const noteNlp = ddl.find((statement) => statement.includes('"note_nlp" ('));
  assert.match(noteNlp ?? "", /"offset" varchar\(50\)/);
});

Deno.test("tableDdl() quotes a hostile schema name", function injection() {
  const [first] = tableDdl("5.3", 'x"; DROP SCHEMA cdm; --');
  assert(first?.startsWith('CREATE TABLE "x""; DROP SCHEMA cdm; --"."person" ('));
});

Deno.test("keyDdl() gives every constraint and index a unique name of at most 63 bytes", function names() {
  for (const version of ["5.3", "5.4"] as const) {
    const { primaryKeys, indices, foreignKeys } = keyDdl(version, "cdm");
    const seen = new Set<string>();
    for (const statement of [...primaryKeys, ...indices, ...foreignKeys]) {
      const name = /(?:ADD CONSTRAINT|CREATE INDEX) "([^"]+)"/.exec(statement)?.[1] ?? "";
      assert.match(name, /^(pk|idx|fk)_[a-z0-9_]+$/);
      // Postgres truncates longer names silently, and two of them could become equal.
      assert(name.length < 63, name);
      assert(!seen.has(name), name);
      seen.add(name);
    }
  }
});

Deno.test("keyDdl() has the specification's number of keys", function counts() {
  assert.equal(keyDdl("5.3", "cdm").primaryKeys.length, 26);
  assert.equal(keyDdl("5.4", "cdm").primaryKeys.length, 28);
  assert.equal(keyDdl("5.3", "cdm").foreignKeys.length, 157);
  assert.equal(keyDdl("5.4", "cdm").foreignKeys.length, 176);
});
