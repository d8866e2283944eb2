import assert from "node:assert/strict";
import fc from "fast-check";
import { CsvParser } from "../../../../src/cdm/load/csv.ts";
import { type DetectedFormat, FormatDetector } from "../../../../src/cdm/load/detect_format.ts";
import type { FileFormat } from "../../../../src/cdm/load/dialect.ts";
import { repetitions } from "../../../fixtures/load.ts";
import { piecesOf } from "../../../fixtures/pieces.ts";
import { escapeCopyText } from "../../../../src/lib/copy_format.ts";

/** The header has an integer, two texts and a number. */
const HEADER = "id\tname\tsynonym\tvalue\n";
const VALUES = [0, 3];

function detect(body: string, cuts: readonly number[] = []): DetectedFormat {
  const detector = new FormatDetector("\t", 4, VALUES);
  for (const piece of piecesOf(HEADER + body, cuts)) detector.push(piece);
  return detector.end();
}

const CASES: readonly (readonly [title: string, body: string, FileFormat | number])[] = [
  ["nothing to decide", "1\ta\tb\t2\n", "unquoted"],
  ["a quoted TAB", '1\t"a\tb"\tc\t2\n', "csv"],
  ["a quoted line break", '1\t"a\nb"\tc\t2\n', "csv"],
  ["a quoted line break whose lines have the header's width", '1\t"a\n2\tb\tc"\td\t2\n', "csv"],
  ["doubled quotes", '1\t"6"" needle"\tc\t2\n', "csv"],
  ["a quoted empty text", '1\t""\tc\t2\n', "csv"],
  ["quoted texts, one with a TAB", '1\t"a"\t"b"\t2\n2\t"a"\t"b\tc"\t3\n', "csv"],
  ["quotes within fields", '1\t6" needle\tb\t2\n2\t"sharp"\tb\t2\n', "unquoted"],
  ["text after a quote", '1\t"PRP" plasma\tb\t2\n2\t"sharp"\tb\t2\n', "unquoted"],
  ["a quote that is never closed", '1\t"sharp\tb\t2\n2\tc\tb\t3\n', "unquoted"],
  [
    "a quote that closes lines later, before text",
    '1\t"sharp\tb\t2\n2\tc\tb\t3\n3\t4" x\tb\t2\n',
    "unquoted",
  ],
  ["a quote that closes lines later, at a field's end", '1\t"sharp\tb\t2\n2\tc\tb" \t3\n', "unquoted"],
  ["quotes that may enclose", '1\ta\tb\t2\n2\t"a"\tb\t2\n', 3],
  ["doubled quotes beside single ones", '1\t"6"" needle"\tc\t2\n2\t6" needle\tc\t2\n', 2],
  ["a quoted TAB beside text after a quote", '1\t"a\tb"\tc\t2\n2\t"PRP" plasma\tb\t2\n', 2],
  ["COPY's marker for NULL", "1\ta\t\\N\t2\n", "copy"],
  ["COPY's marker and escapes", "1\ta\\tb\t\\N\t2\n", "copy"],
  ["MySQL's escaped TAB", "1\ta\\\tb\t\\N\t2\n", "copy"],
  ["escapes beside empty numbers", "1\ta\\tb\tc\t\n", "unquoted"],
  ["escapes and nothing else", "1\ta\\nb\tc\t2\n", 2],
  ["escapes beside COPY's marker and empty numbers", "1\ta\\nb\t\\N\t\n", 2],
  ["a path of Windows", "1\tC:\\new\\Windows\tc\t2\n", "unquoted"],
  ["a path of Windows beside COPY's marker", "1\tC:\\Windows\t\\N\t2\n", "unquoted"],
  ["a backslash at the end of a field", "1\tC:\\\tc\t2\n", "unquoted"],
];

for (const [title, body, expected] of CASES) {
  Deno.test(`FormatDetector decides by content: ${title}`, () => {
    for (const text of [body, body.replaceAll("\n", "\r\n"), body.replace(/\n$/, "")]) {
      const found = detect(text);
      assert.deepEqual("format" in found ? found.format : "line" in found ? found.line : found, expected);
    }
  });
}

const TEXT = fc.string({ unit: fc.constantFrom("a", '"', "\t", "\n", "\\", "n", "N", "é") });

/** As pandas, DuckDB and PostgreSQL write a field: quoted only where it must be. */
function minimal(value: string): string {
  return value === "" || /["\t\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** Each with the texts that it cannot write, or that the loader, as documented, reads differently. */
const WRITERS: readonly (readonly [FileFormat, (value: string) => string, RegExp])[] = [
  ["csv", minimal, /^\\N$/],
  ["copy", escapeCopyText, /(?!)/],
  ["unquoted", (value) => value, /[\t\n\r]|^$|^\\N$|^"(?:[^"]|"")*"$/],
];

for (const [format, write, unwritable] of WRITERS) {
  Deno.test(`what a program writes as ${format} is read as it was written, or refused`, () => {
    const value = TEXT.filter((text) => !unwritable.test(text));
    const rows = fc.array(fc.tuple(value, fc.option(value)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(rows, fc.array(fc.nat(80)), (rows, cuts) => {
        const missing = format === "copy" ? "\\N" : "";
        const body = rows.map(([name, synonym], at) =>
          `${at}\t${write(name)}\t${synonym === null ? missing : write(synonym)}\t${missing}\n`
        ).join("");
        const found = detect(body, cuts);
        if (!("format" in found)) return;
        const parser = new CsvParser({ delimiter: "\t", format: found.format });
        const records = [...parser.push(HEADER + body), ...parser.end()].slice(1);
        assert.deepEqual(
          records.map(({ fields }) => fields),
          rows.map(([name, synonym], at) => [String(at), name, synonym, null]),
        );
      }),
      { numRuns: repetitions(2000) },
    );
  });
}

Deno.test("FormatDetector finds quotes that backslashes escape, in whatever pieces the text arrives", () => {
  const body = '1\ta\tb\t2\n2\t"6\\" needle"\tb\t2\n';
  for (const cuts of [[], [20, 21], [33, 34, 35]]) assert.deepEqual(detect(body, cuts), { escapedQuote: 3 });
  assert.deepEqual(detect('1\t"6\\ needle"\t"C:\\"\t2\n2\t"a\tb"\tc\t2\n'), { format: "csv" });
});
