import assert from "node:assert/strict";
import { checkTable, readPage } from "../../../scripts/security_rows.ts";
import { TestSources } from "../../../scripts/test_source.ts";

const TEST = "tests/x/one_test.ts";
const PYTHON = "tests/x/two_test.py";
const TABLE = [1, 2, 3].map((promise) =>
  `| P${promise}.1 | holds | [one](../${TEST}) "it holds" "it holds for \${name}"<br>[two](../${PYTHON}) "test_it" | none |`
).join("\n");
const PAGE = `${[1, 2, 3].map((promise) => `## Promise ${promise}: it holds`).join("\n")}\n${TABLE}`;

const FILES: Readonly<Record<string, string>> = {
  [TEST]: `import assert from "node:assert/strict";
import { assertSound, CASES, connect } from "../fixtures/all.ts";
import probe from "./probe.py" with { type: "text" };

/** Says what is expected. */
const EXPECTED = /^\\/\\*"/;

Deno.test("it holds", async () => {
  // Why.
  const found = await check(connect());
  assert.match(found, EXPECTED, \`\${found} is not \\\`right\\\`\`);
});

async function check(text: string): Promise<string> {
  await assertSound(text, probe);
  await Deno.readTextFile(new URL("./data.json", import.meta.url));
  return \`
Deno.test("not a test", () => {});
\${text}\`;
}

for (const name of CASES) {
  Deno.test(\`it holds for \${name}\`, () => assert.equal(name, "a"));
}

Deno.test("another", () => assert.equal(unused(), 1));

function unused(): number {
  return 1;
}
`,
  "tests/fixtures/all.ts": `import { product } from "../../src/product.ts";
export const CASES = ["a"];
export function connect(): string {
  return product();
}
export function assertSound(text: string, probe: string): void {
  if (text !== probe) throw new Error("unsound");
}
`,
  "tests/x/probe.py": "print('sound')\n",
  "tests/x/data.json": "1\n",
  [PYTHON]:
    "class One(unittest.TestCase):\n    def test_it(self) -> None:\n        self.sound(True)\n\n    def sound(self, it: bool) -> None:\n        self.assertTrue(it)\n\n    def test_other(self) -> None:\n        pass\n",
  "src/product.ts": "export function product(): string {\n  return '';\n}\n",
};

/** The check's problems after a change of one file since the approval. */
function problemsAfter(path: string, from: string, to: string): string[] {
  const before = FILES[path] ?? "";
  assert.ok(before.includes(from), `${path} has no ${from}`);
  const files = { ...FILES, [path]: before.replace(from, to) };
  const page = readPage(PAGE);
  const { current, problems } = checkTable(page, sourcesOf(FILES));
  assert.deepEqual(problems, []);
  return checkTable(page, sourcesOf(files), current).problems;
}

function sourcesOf(files: Readonly<Record<string, string>>): TestSources {
  return new TestSources((path) => files[path]);
}

const CHANGES: readonly (readonly [string, string, string, string, RegExp | undefined])[] = [
  [
    "an assertion that is flipped",
    TEST,
    "assert.match(found",
    "assert.doesNotMatch(found",
    /Changed.*it holds/,
  ],
  ["a helper of the file", TEST, "await assertSound(text, probe);", "", /Changed.*it holds/],
  ["a constant of the file", TEST, '/^\\/\\*"/', "/./", /Changed.*it holds/],
  ["an imported assertion", "tests/fixtures/all.ts", "!==", "===", /Changed.*all\.ts: assertSound/],
  ["imported cases", "tests/fixtures/all.ts", '["a"]', "[]", /Changed.*all\.ts: CASES/],
  ["an embedded probe", "tests/x/probe.py", "sound", "unsound", /Changed.*probe\.py/],
  ["the loop around a test", TEST, "of CASES)", "of CASES.slice(1))", /Changed.*it holds for/],
  ["a test that is deleted", TEST, 'Deno.test("it holds", async', "void (async", /has no test "it holds"/],
  ["a test that is renamed", TEST, '"it holds"', '"it held"', /has no test "it holds"; it has[^]*"it held"/],
  [
    "a test that is ignored",
    TEST,
    'Deno.test("it holds"',
    'Deno.test.ignore("it holds"',
    /has no test "it holds"/,
  ],
  ["a Python test that is flipped", PYTHON, "sound(True)", "sound(False)", /Changed.*test_it/],
  ["a Python helper that is flipped", PYTHON, "assertTrue", "assertFalse", /Changed.*test_it/],
  ["data that a test reads", "tests/x/data.json", "1", "2", /Changed.*data\.json/],
  ["a Python test that is deleted", PYTHON, "def test_it(", "def no_test(", /has no test "test_it"/],
  ["a comment", TEST, "// Why.", "// Because.", undefined],
  ["white space", TEST, "return 1;", "return  1;", undefined],
  ["another test", TEST, "assert.equal(unused(), 1)", "assert.equal(unused(), 2)", undefined],
  ["another Python test", PYTHON, "        pass", "        return", undefined],
  [
    "an imported helper that asserts nothing",
    "tests/fixtures/all.ts",
    "return product()",
    "return ''",
    undefined,
  ],
];

for (const [what, path, from, to, expected] of CHANGES) {
  Deno.test(`the check of docs/security.md ${expected === undefined ? "accepts" : "finds"} ${what}`, () => {
    const problems = problemsAfter(path, from, to);
    if (expected === undefined) assert.deepEqual(problems, []);
    else assert.match(problems.join("\n"), expected);
  });
}

Deno.test("the check of docs/security.md finds missing, duplicate, empty or new rows", () => {
  const sources = sourcesOf(FILES);
  const approved = checkTable(readPage(PAGE), sources).current;
  function problems(page: string): string {
    return checkTable(readPage(page), sources, approved).problems.join("\n");
  }
  assert.equal(problems(PAGE), "");
  assert.match(
    problems(PAGE.replace("| P3.1 |", "| gone |")),
    /Promise 3 has no requirement\nP3\.1 was approved and no longer exists/,
  );
  assert.match(problems(`${PAGE}\n${TABLE.split("\n")[0]}`), /Duplicate id P1\.1/);
  assert.match(problems(PAGE.replace(/\[one\][^|]*/, "")), /P1\.1 lists no test/);
  assert.match(problems(`${PAGE}\n${TABLE.split("\n")[0]?.replace("P1.1", "P1.2")}`), /P1\.2 is new/);
  const fewer = PAGE.replaceAll(/"it holds"/g, "");
  assert.match(problems(fewer), /no longer listed, used or existing: tests\/x\/one_test\.ts: it holds/);
});

Deno.test("the check of docs/security.md finds a promise without a section or a requirement, also when it accepts every hash", () => {
  function problems(page: string): readonly string[] {
    return checkTable(readPage(page), sourcesOf(FILES)).problems;
  }
  assert.deepEqual(problems(PAGE.replace("| P3.1 |", "| gone |")), ["Promise 3 has no requirement"]);
  assert.deepEqual(problems(PAGE.replace("## Promise 3:", "## ")), ["Promise 3 has no section"]);
  assert.deepEqual(problems(PAGE.replace("## Promise 2:", "## ")), ["Promise 2 has no section"]);
  assert.deepEqual(problems(""), ["Promise 1 has no section", "Promise 1 has no requirement"]);
});
