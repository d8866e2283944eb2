import assert from "node:assert/strict";
import { type KeyLeftOut } from "../../../../src/cdm/load/keys.ts";
import { keyLines, tableLines } from "../../../../src/cdm/load/report.ts";

function foreign(table: string, rows: number): KeyLeftOut {
  return {
    table,
    columns: ["person_id"],
    refersTo: "person",
    rows,
    sqlstate: rows === 0 ? "42830" : "23503",
  };
}

Deno.test("keyLines() names the cause of every key that was left out", () => {
  const tables = [
    "visit_occurrence",
    "drug_exposure",
    "death",
    "note",
    "measurement",
    "specimen",
    "device_exposure",
  ];
  const lines = keyLines({
    primaryKeys: 1,
    primaryKeysLeftOut: [{ table: "person", columns: ["person_id"], rows: 1, sqlstate: "23505" }],
    indices: 2,
    foreignKeys: 3,
    foreignKeysLeftOut: [...tables, "cost", "episode", "observation"].map((table) => foreign(table, 0)),
  });
  assert.equal(lines[0], "Keys: 1 primary, 3 foreign, 2 indices; left out: 1 primary, 10 foreign");
  assert.match(lines[1] ?? "", /person \(person_id\): 1 duplicate row; has a non-unique index/);
  assert.match(lines[2] ?? "", /visit_occurrence\.person_id → person: person has duplicate rows$/);
  assert.match(lines.at(-1) ?? "", /and 2 more foreign keys: their targets have duplicate rows$/);
});

Deno.test("keyLines() counts the rows without the referenced row", () => {
  const lines = keyLines({
    primaryKeys: 1,
    primaryKeysLeftOut: [],
    indices: 2,
    foreignKeys: 3,
    foreignKeysLeftOut: Array.from({ length: 10 }, (_, at) => foreign(`t${at}`, at + 1)),
  });
  assert.match(lines[1] ?? "", /t9\.person_id → person: 10 rows without the referenced row$/);
  assert.match(lines.at(-1) ?? "", /and 2 more foreign keys: 3 rows without the referenced row$/);
});

Deno.test("tableLines() counts the reasons that it does not list", () => {
  function reasons(count: number): string[] {
    return tableLines({
      table: "death",
      read: count,
      loaded: 0,
      rejected: count,
      rejects: Array.from({ length: count }, (_, at) => ({
        column: undefined,
        reason: `reason ${at}`,
        rows: 1,
        lines: [at + 2],
      })),
      unknownColumns: [],
      notes: [],
      elapsedMs: 0,
    });
  }
  assert.equal(reasons(8).at(-1), "    1 rejected, reason 7 (line 9)");
  assert.equal(reasons(9).at(-1), "    and 1 more reason");
  assert.equal(reasons(10).at(-1), "    and 2 more reasons");
});

Deno.test("tableLines() lists the names of unknown columns, and only counts what may be a value", () => {
  const lines = tableLines({
    table: "death",
    read: 0,
    loaded: 0,
    rejected: 0,
    rejects: [],
    unknownColumns: ["shoe_size", "1970-05-01", "", "a\u001b[2Jb"],
    notes: ["cause: 2 texts cut to 50 characters; the longest has 71"],
    elapsedMs: 0,
  });
  assert.deepEqual(lines.slice(1), [
    "    not loaded, no such column: shoe_size, 3 more columns",
    "    cause: 2 texts cut to 50 characters; the longest has 71",
  ]);
});
