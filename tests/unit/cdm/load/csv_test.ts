import assert from "node:assert/strict";
import fc from "fast-check";
import { CsvParser, type CsvRecord } from "../../../../src/cdm/load/csv.ts";
import type { Dialect } from "../../../../src/cdm/load/dialect.ts";
import { escapeCopyText } from "../../../../src/lib/copy_format.ts";
import { piecesOf } from "../../../fixtures/pieces.ts";

const COMMA: Dialect = { delimiter: ",", format: "csv" };
const TAB: Dialect = { delimiter: "\t", format: "unquoted" };
const COPY: Dialect = { delimiter: "\t", format: "copy" };

function parse(text: string, dialect = COMMA, cuts: readonly number[] = []): CsvRecord[] {
  const parser = new CsvParser(dialect);
  return [...piecesOf(text, cuts).flatMap((piece) => parser.push(piece)), ...parser.end()];
}

function fields(text: string, dialect = COMMA): (readonly (string | null)[])[] {
  return parse(text, dialect).map((record) => record.fields);
}

/** Writes a field: quoted where it must be, or if `quote` is true. */
function written(value: string | null, quote: boolean): string {
  if (value === null) return "";
  return value === "" || quote || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

Deno.test("CsvParser parses written records from text that is cut anywhere", () => {
  const value = fc.option(
    fc.string({ unit: fc.constantFrom("a", "é", "😀", '"', ",", "\n", "\r", " ", "\t") }),
  );
  const rows = fc.array(fc.array(fc.tuple(value, fc.boolean()), { minLength: 2, maxLength: 4 }), {
    maxLength: 6,
  });
  fc.assert(fc.property(
    rows,
    fc.constantFrom("\n", "\r\n"),
    fc.boolean(),
    fc.array(fc.nat(200)),
    (rows, newline, closed, cuts) => {
      const text = rows.map((row) =>
        row.map(([value, quote]) => written(value, quote)).join(",")
      ).join(newline) +
        (closed && rows.length > 0 ? newline : "");
      const records = parse(text, COMMA, cuts);
      assert.deepEqual(
        records.map((record) => record.fields),
        rows.map((row) => row.map(([value]) => value)),
      );
      let line = 1;
      for (const [index, record] of records.entries()) {
        assert.equal(record.line, line);
        line += 1;
        for (const [value] of rows[index] ?? []) line += (value ?? "").split("\n").length - 1;
      }
    },
  ));
});

Deno.test("CsvParser distinguishes an empty field from a quoted empty one", () => {
  assert.deepEqual(fields('a,,"",b\n'), [["a", null, "", "b"]]);
  assert.deepEqual(fields("a\t\tb\r\n", TAB), [["a", null, "b"]]);
});

Deno.test("CsvParser treats a quote within an unquoted field as a character", () => {
  assert.deepEqual(fields('5" tube,x\n6 "y",z\n'), [['5" tube', "x"], ['6 "y"', "z"]]);
});

Deno.test("CsvParser ignores quotes in files without quoting", () => {
  assert.deepEqual(fields('"a\tb"\n"c\td\n', TAB), [['"a', 'b"'], ['"c', "d"]]);
});

Deno.test("CsvParser marks text after a closing quote and continues with the next record", () => {
  const [first, second] = parse('"a"b,c\nd,e\n');
  assert.equal(first?.malformed, "text after a closing quote");
  assert.deepEqual([second?.fields, second?.line], [["d", "e"], 2]);
});

Deno.test("CsvParser skips empty lines and counts them", () => {
  assert.deepEqual(parse("a,b\n\n\r\nc,d").map(({ line }) => line), [1, 4]);
});

Deno.test("CsvParser names the line of an unclosed quote", () => {
  assert.throws(() => parse('a,b\nc,"d\ne,f\n'), /line 2 .*not closed/);
});

for (
  const [what, text] of [
    ["before text", 'a,1\n"6\\" needle",2\n'],
    ["before a delimiter", 'a,1\n"of 6\\", red",2\n'],
    ["at the end of a field, before fields without quotes", 'a,1\n"of 6\\"",2\nb,3\n'],
    ["at the end of a field, before a field in quotes", 'a,1\n"of 6\\"",2\n"of 7\\"",3\n'],
  ] as const
) {
  Deno.test(`CsvParser refuses quotes that backslashes escape, as Spark and R write them: ${what}`, () => {
    assert.throws(() => parse(text), {
      code: "cdm_invalid",
      message: /escaped by a backslash.*line 2$/,
      next: /Spark/,
    });
  });
}

Deno.test("CsvParser reads a backslash before a closing or a doubled quote as text", () => {
  assert.deepEqual(fields('"C:\\","a \\""b"" c"\n'), [["C:\\", 'a \\"b" c']]);
});

Deno.test("CsvParser reads \\N without quotes as NULL in every format", () => {
  for (const dialect of [COMMA, { ...COMMA, delimiter: "\t" }, TAB, COPY] as const) {
    const { delimiter } = dialect;
    assert.deepEqual(fields(`\\N${delimiter}a\n`, dialect), [[null, "a"]]);
  }
  assert.deepEqual(fields('"\\N",\\N\n'), [["\\N", null]]);
  assert.deepEqual(fields("\\\\N\tx\n", COPY), [["\\N", "x"]]);
});

Deno.test("CsvParser reads what COPY's text format escapes, from text that is cut anywhere", () => {
  const value = fc.option(
    fc.string({ unit: fc.constantFrom("a", "é", "😀", '"', "\\", "N", "\n", "\r", " ", "\t", "n", ".") }),
  );
  const rows = fc.array(fc.array(value, { minLength: 2, maxLength: 3 }), { maxLength: 5 });
  fc.assert(fc.property(rows, fc.array(fc.nat(100)), (rows, cuts) => {
    const text = rows.map((row) =>
      `${row.map((field) => field === null ? "\\N" : escapeCopyText(field)).join("\t")}\n`
    ).join("");
    assert.deepEqual(parse(text, COPY, cuts).map((record) => record.fields), rows);
  }));
});

Deno.test("CsvParser reads MySQL's escapes and the end marker of a dump", () => {
  assert.deepEqual(
    parse("a\\\tb\tc\\\nd\te\n1\t2\t3\n\\.\n", COPY).map(({ fields, line }) => [line, ...fields]),
    [[1, "a\tb", "c\nd", "e"], [3, "1", "2", "3"]],
  );
  assert.throws(() => parse("1\t2\n\\.\nmore\n", COPY), /Line 3 follows the end marker/);
  assert.match(parse("\\101\tb\n", COPY)[0]?.malformed ?? "", /escape by number/);
});
