import fc from "fast-check";
import assert from "node:assert/strict";
import { pathSchema } from "../../../src/mcp/file_path.ts";
import { shownPath } from "../../../src/lib/shown_path.ts";

const schema = pathSchema("A path.");

Deno.test("a path can be passed as results show it, or as it is", () => {
  for (
    const path of [
      "a.csv",
      "a b.txt",
      "a\nb",
      "d/\udcff",
      '"',
      '"quoted"',
      'a"b',
      "ü/\u202e",
      "\\n",
      '"a',
    ] as const
  ) {
    assert.equal(schema.parse(shownPath(path)), path, shownPath(path));
    if (path !== '"quoted"') assert.equal(schema.parse(path), path);
  }
  assert.equal(schema.parse('"no JSON \\x"'), '"no JSON \\x"');
});

Deno.test("a path is not empty, quoted or not", () => {
  for (const path of ["", '""']) assert.equal(schema.safeParse(path).success, false, path);
});

Deno.test("a path with blanks, or with what cannot be seen or copied, is shown so that it can be passed back", () => {
  const shown = [
    [" ", '" "'],
    [" a ", '" a "'],
    ["\u00a0", '"\\u00a0"'],
    ["a\u200b", '"a\\u200b"'],
    ["\ufeffa\u2028", '"\\ufeffa\\u2028"'],
    ["\u{e0041}", '"\\udb40\\udc41"'],
    ["e\u0301.csv", '"e\\u0301.csv"'],
    ["\u1112\u1161", '"\\u1112\\u1161"'],
    ["\u00e9.csv", "\u00e9.csv"],
    ["\u{1f600}", '"\u{1f600}"'],
  ] as const;
  for (const [path, text] of shown) assert.equal(shownPath(path), text);
  fc.assert(fc.property(fc.string({ unit: "binary", minLength: 1 }), (path) => {
    const text = shownPath(path);
    assert.equal(schema.parse(text), path);
    assert.doesNotMatch(text, /(?! )[\p{C}\p{Z}]/u);
    assert.equal(text.trim(), text);
  }));
});
