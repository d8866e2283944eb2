import assert from "node:assert/strict";
import fc from "fast-check";
import type { CdmType } from "../../../../src/omop/cdm/mod.ts";
import { ColumnNotes } from "../../../../src/cdm/load/notes.ts";
import { valueReader } from "../../../../src/cdm/load/values.ts";
import { COPY_NULL } from "../../../../src/lib/copy_format.ts";

function read(type: CdmType, text: string, length?: number): string | undefined {
  const column = { name: "x", type, required: false, primaryKey: false };
  const notes = new ColumnNotes([]);
  return valueReader(length === undefined ? column : { ...column, length }, { notes }).read(text);
}

Deno.test("valueReader() accepts exactly the 64-bit integers", () => {
  fc.assert(fc.property(fc.bigInt(-(2n ** 66n), 2n ** 66n), (value) => {
    const fits = value >= -(2n ** 63n) && value < 2n ** 63n;
    assert.equal(read("bigint", String(value)), fits ? String(value) : undefined);
  }));
  assert.equal(read("bigint", "9223372036854775807"), "9223372036854775807");
  assert.equal(read("bigint", "9223372036854775808"), undefined);
  assert.equal(read("integer", "2147483647"), "2147483647");
  assert.equal(read("integer", "-2147483649"), undefined);
});

Deno.test("valueReader() accepts integers with a decimal point, as pandas writes them", () => {
  assert.equal(read("bigint", "8507.0"), "8507");
  assert.equal(read("bigint", " 8507 "), "8507");
  for (const text of ["8507.5", "1.5e0", "1e-3", "0x10", "1 2", "--1", "12a", "1,000", "true", "Infinity"]) {
    assert.equal(read("bigint", text), undefined, text);
  }
});

Deno.test("valueReader() accepts integers with an exponent, as R writes them", () => {
  for (
    const [text, value] of [["1e+05", "100000"], ["1.5E3", "1500"], ["-2e0", "-2"], ["+7", "7"]] as const
  ) {
    assert.equal(read("bigint", text), value, text);
  }
});

Deno.test("valueReader() rejects an integer that a double has rounded", () => {
  assert.equal(read("bigint", "9007199254740991.0"), "9007199254740991");
  // 9007199254740993 as pandas writes it in a column with missing values.
  for (const text of ["9007199254740992.0", "9.007199254740992e15", "1e16", "-1e99"]) {
    assert.equal(read("bigint", text), undefined, text);
  }
  assert.equal(read("bigint", "9007199254740993"), "9007199254740993");
});

Deno.test("valueReader() accepts numbers", () => {
  for (const text of ["1", "-1.5", ".5", "1.", "6.02e23", "1E-7"]) assert.equal(read("numeric", text), text);
  for (const text of ["1,5", "1,000.5", "1e99999", "Infinity", "-inf", "true", "abc", "1.2.3", "<5"]) {
    assert.equal(read("numeric", text), undefined, text);
  }
});

Deno.test("valueReader() accepts dates that exist", () => {
  assert.equal(read("date", "2020-02-29"), "2020-02-29");
  assert.equal(read("date", "20200229"), "2020-02-29");
  assert.equal(read("date", "2020-02-29 00:00:00.000"), "2020-02-29");
  for (
    const text of [
      "2021-02-29",
      "1900-02-29",
      "2020-13-01",
      "2020-00-01",
      "0000-01-01",
      "0000-00-00",
      "99999-01-01",
      "2020-0229",
      "01/02/2020",
    ]
  ) {
    assert.equal(read("date", text), undefined, text);
  }
  // A time would be lost.
  assert.equal(read("date", "2020-02-29 10:00:00"), undefined);
});

Deno.test("valueReader() accepts timestamps with and without a time, in UTC or without a zone", () => {
  assert.equal(read("timestamp", "2020-01-02"), "2020-01-02 00:00:00");
  assert.equal(read("timestamp", "20200102"), "2020-01-02 00:00:00");
  assert.equal(read("timestamp", "2020-01-02 03:04"), "2020-01-02 03:04:00");
  assert.equal(read("timestamp", "2020-01-02T03:04:05.123456Z"), "2020-01-02 03:04:05.123456");
  assert.equal(read("timestamp", "2020-01-02 03:04:05 UTC"), "2020-01-02 03:04:05");
  for (const text of ["2020-01-02 24:00:00", "2020-01-02 03:60", "2020-01-02 03:04:05+02:00", "noon"]) {
    assert.equal(read("timestamp", text), undefined, text);
  }
  // A leap second: PostgreSQL would make it the next minute.
  assert.equal(read("timestamp", "2016-12-31 23:59:60"), undefined);
});

Deno.test("valueReader() cuts a fraction to microseconds, never up to the next second or day", () => {
  assert.equal(read("timestamp", "2020-12-31 23:59:59.9999999"), "2020-12-31 23:59:59.999999");
  assert.equal(read("timestamp", "9999-12-31 23:59:59.999999999"), "9999-12-31 23:59:59.999999");
  assert.equal(read("timestamp", "2020-01-02 03:04:05.1234565"), "2020-01-02 03:04:05.123456");
  const notes = new ColumnNotes([]);
  const column = { name: "x", type: "timestamp", required: false, primaryKey: false } as const;
  const reader = valueReader(column, { notes });
  for (const text of ["2020-01-02 03:04:05.1234560", "2020-01-02 03:04:05.1234567"]) {
    reader.read(text);
    notes.endRow(true);
  }
  assert.deepEqual(notes.describe("x", undefined), ["x: 1 fraction of a second cut to microseconds"]);
});

Deno.test("valueReader() counts characters, escapes the special characters of COPY, and refuses NUL", () => {
  assert.equal(read("varchar", "😀😀", 2), "😀😀");
  assert.equal(read("varchar", "abc", 2), undefined);
  assert.equal(read("text", "a\\b\tc\nd\re"), "a\\\\b\\tc\\nd\\re");
  assert.equal(read("text", "a\0b"), undefined);
});

Deno.test("valueReader() cuts a text on request, between characters, and counts it", () => {
  const changed: ColumnNotes[] = [];
  const notes = new ColumnNotes(changed);
  const column = { name: "x", type: "varchar", length: 2, required: false, primaryKey: false } as const;
  const reader = valueReader(column, { truncate: true, notes });
  assert.equal(reader.read("😀é"), "😀é");
  assert.deepEqual(changed, []);
  assert.equal(reader.read("a😀bcd"), "a😀");
  notes.endRow(true);
  reader.read("longest text");
  notes.endRow(false);
  assert.equal(reader.read("a\0b"), undefined);
  assert.deepEqual(notes.describe("x", 2), ["x: 1 text cut to 2 characters; the longest has 5"]);
});

Deno.test("valueReader() reads NA and similar words as NULL, except in text", () => {
  for (const text of ["NA", "NaN", "NULL", "\\N", "", "NaT", "<NA>"]) {
    assert.equal(read("numeric", text), COPY_NULL, text);
    assert.equal(read("date", text), COPY_NULL, text);
  }
  assert.equal(read("varchar", "NA", 50), "NA");
  // An escaped backslash: the text \N, not COPY's NULL.
  assert.equal(read("varchar", "\\N", 50), "\\\\N");
});
