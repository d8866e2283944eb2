import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { OmcpError } from "../../../../src/errors.ts";
import { cdmTable } from "../../../../src/omop/cdm/mod.ts";
import { SAMPLE_VERSION, sampleFiles, sampleTables } from "../../../../src/omop/sample/mod.ts";
import { Random } from "../../../../src/omop/sample/random.ts";

Deno.test("sampleFiles() returns the bytes of its version", function bytes() {
  const hash = createHash("sha256");
  for (const [table, text] of sampleFiles({ persons: 1_000, seed: 1 })) hash.update(`${table}\n${text}`);
  // If this fails after an intended change, change SAMPLE_VERSION too: it is part of the images' names.
  assert.deepEqual([SAMPLE_VERSION, hash.digest("hex")], [
    "omcp-sample-2",
    "1932d392f3c2b29582a057a3e877a5673dfb3eaa8fd5a99984eaea822de3930c",
  ]);
});

Deno.test("sampleTables() generates the same first persons in populations of any size", function prefix() {
  const few = sampleFiles({ persons: 10, seed: 7 });
  const many = sampleFiles({ persons: 250, seed: 7 });
  for (const table of ["person", "visit_occurrence", "measurement", "drug_era"]) {
    const text = few.get(table) ?? "";
    assert(text.length > 0 && many.get(table)?.startsWith(text), table);
  }
  assert.notEqual(sampleFiles({ persons: 10, seed: 8 }).get("person"), few.get("person"));
});

Deno.test("sampleTables() yields complete rows with all columns, referenced tables first", function chunks() {
  const first = new Map<string, number>();
  let at = 0;
  for (const { table, columns, text, rows } of sampleTables({ persons: 450, seed: 3 })) {
    assert.deepEqual(columns, cdmTable("5.4", table).columns.map((column) => column.name));
    assert.equal(text.split("\n").length - 1, rows);
    assert(text.endsWith("\n"));
    if (!first.has(table)) first.set(table, at++);
  }
  for (
    const [before, after] of [["concept", "person"], ["provider", "person"], ["person", "death"], [
      "visit_occurrence",
      "measurement",
    ]] as const
  ) {
    assert((first.get(before) ?? Infinity) < (first.get(after) ?? -1), `${before} ${after}`);
  }
});

Deno.test("sampleTables() streams 20,000 persons in constant memory", function memory() {
  const before = Deno.memoryUsage().heapUsed;
  let persons = 0;
  let bytes = 0;
  let largest = 0;
  let most = 0;
  for (const { table, text, rows } of sampleTables({ persons: 20_000, seed: 2 })) {
    if (table === "person") persons += rows;
    bytes += text.length;
    largest = Math.max(largest, text.length);
    most = Math.max(most, Deno.memoryUsage().heapUsed - before);
  }
  assert.equal(persons, 20_000);
  assert(bytes > 120_000_000, String(bytes));
  assert(largest < 2_000_000, String(largest));
  // Less than it yielded, uncollected garbage included: it keeps nothing.
  assert(most < bytes * 0.75, `${most} of ${bytes}`);
});

for (
  const options of [{ persons: 0, seed: 1 }, { persons: 1.5, seed: 1 }, { persons: 1e9, seed: 1 }, {
    persons: 1,
    seed: 2 ** 32,
  }, { persons: 1, seed: NaN }]
) {
  Deno.test(`sampleTables() refuses ${options.persons} persons with seed ${options.seed}`, function refuses() {
    assert.throws(
      () => sampleTables(options),
      (error) => error instanceof OmcpError && error.code === "invalid_argument",
    );
  });
}

Deno.test("Random is xoshiro128**", function vectors() {
  const random = Random.fromState([1, 2, 3, 4]);
  const expected = [
    11520,
    0,
    5927040,
    70819200,
    2031721883,
    1637235492,
    1287239034,
    3734860849,
    3729100597,
    4258142804,
  ];
  assert.deepEqual(expected.map(() => random.bits()), expected);
});

Deno.test("Random.normal() and Random.pick() follow their distributions", function distributions() {
  const random = new Random(1, 1);
  const values = Array.from({ length: 4_000 }, () => random.normal(10, 2));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  assert(Math.abs(mean - 10) < 0.15 && Math.abs(deviation - 2) < 0.1, `${mean} ${deviation}`);
  const picks = Array.from({ length: 4_000 }, () => random.pick([["a", 3], ["b", 1]]));
  const share = picks.filter((pick) => pick === "a").length / picks.length;
  assert(Math.abs(share - 0.75) < 0.03, String(share));
  assert.throws(() => random.pick([]), RangeError);
});
