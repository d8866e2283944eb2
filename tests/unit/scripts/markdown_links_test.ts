import assert from "node:assert/strict";
import { markdownProblems } from "../../../scripts/markdown_links.ts";

const FILES: Readonly<Record<string, string>> = {
  "docs/there.md": "# A title: with `code`, and more\n\n## Twice\n\n## Twice\n\n```sh\n# no heading\n```\n",
  "docs": "",
  "src/there.ts": "",
};

function problems(path: string, text: string): string[] {
  return markdownProblems(path, (wanted) => wanted === path ? text : FILES[wanted.replace(/\/$/, "")]);
}

const GOOD = [
  "[a](there.md)",
  "[a](../src/there.ts) and [b](there.md#a-title-with-code-and-more), [c](there.md#twice-1), [d](#here)\n\n# Here",
  "[a](https://example.org/x) [b](mailto:x@example.org) [c](../docs/)",
  "`src/there.ts` is there, and `src/*.ts` is a pattern",
  "```sh\n[a](absent.md) `src/absent.ts`\n```",
];

const BAD: readonly (readonly [string, RegExp])[] = [
  ["[a](absent.md)", /the link absent\.md leads nowhere/],
  ["[a](there.md#absent)", /the link there\.md#absent names no heading/],
  ["[a](#absent)", /the link #absent names no heading/],
  ["[a](there.md#no-heading)", /names no heading/],
  ["See `src/absent.ts`.", /there is no `src\/absent\.ts`/],
];

Deno.test("markdownProblems() accepts links and paths that exist", () => {
  for (const text of GOOD) assert.deepEqual(problems("docs/page.md", text), []);
});

Deno.test("markdownProblems() reports links and paths that do not exist", () => {
  for (const [text, expected] of BAD) assert.match(problems("docs/page.md", text).join("\n"), expected);
});

Deno.test("markdownProblems() accepts former paths in records of decisions, but checks their links", () => {
  assert.deepEqual(problems("docs/decisions/0001-x.md", "`src/absent.ts`"), []);
  assert.equal(problems("docs/decisions/0001-x.md", "[a](absent.md)").length, 1);
});
