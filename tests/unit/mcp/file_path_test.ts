import assert from "node:assert/strict";
import { pathSchema, shownPath } from "../../../src/mcp/file_path.ts";

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
