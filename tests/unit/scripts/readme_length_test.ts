import assert from "node:assert/strict";

/** Characters of a line and lines of a screen, as GitHub's page shows them beside nothing else. */
const WIDTH = 120;
const SCREEN = 55;

Deno.test("the README fits on two screens", async () => {
  const text = await Deno.readTextFile(new URL("../../../README.md", import.meta.url));
  // Comments, the marks of code blocks and the targets of links are not shown.
  const shown = text.replaceAll(/\]\([^)]*\)/g, "").split("\n").filter((line) =>
    !/^(<!--.*-->|```\w*)$/.test(line)
  );
  const lines = shown.reduce((total, line) => total + Math.max(1, Math.ceil(line.length / WIDTH)), 0);
  assert.ok(lines <= 2 * SCREEN, `the README has ${lines} lines of ${WIDTH} characters`);
});
