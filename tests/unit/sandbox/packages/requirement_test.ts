import assert from "node:assert/strict";
import fc from "fast-check";
import { OmcpError } from "../../../../src/errors.ts";
import { MAX_REQUIREMENTS, parseRequirements } from "../../../../src/sandbox/packages/requirement.ts";

function canonical(...texts: string[]): string[] {
  return parseRequirements(texts).map(({ text }) => text);
}

Deno.test("parseRequirements() takes names, extras, versions and markers, in canonical form", () => {
  const cases: [string, string][] = [
    ["humanize", "humanize"],
    ["  Scikit_Learn ", "scikit-learn"],
    ["zope.interface", "zope-interface"],
    ["a", "a"],
    ["pandas[Excel, parquet]>=2.2, <3", "pandas[excel,parquet]<3,>=2.2"],
    ["pandas [excel] (>= 2.2)", "pandas[excel]>=2.2"],
    ["x==1.*", "x==1.*"],
    ["x ~= 1.4.2", "x~=1.4.2"],
    ["torch==2.1.0+cpu", "torch==2.1.0+cpu"],
    ["x===1!2.0.post1", "x===1!2.0.post1"],
    ["x!=1.5,>1", "x!=1.5,>1"],
    ['x>=1; python_version < "3.12"', 'x>=1 ; python_version < "3.12"'],
    [
      "x ; sys_platform == 'linux'  and 'x86_64' in platform_machine",
      "x ; sys_platform == 'linux' and 'x86_64' in platform_machine",
    ],
  ];
  for (const [given, expected] of cases) assert.deepEqual(canonical(given), [expected]);
});

Deno.test("parseRequirements() refuses everything else, and says what is allowed", () => {
  const hostile = [
    "",
    "-r /etc/passwd",
    "-r/etc/passwd",
    "--index-url=https://example.org/simple",
    "--index-url https://example.org/simple x",
    "x --index-url https://example.org/simple",
    "x --config-settings=a=b",
    "-e .",
    ".",
    "./x",
    "../x",
    "/workspace/x-1-py3-none-any.whl",
    "x.whl/",
    "~/x",
    "git+https://example.org/x.git",
    "https://example.org/x-1-py3-none-any.whl",
    "file:///etc/passwd",
    "x @ https://example.org/x.whl",
    "x@file:///etc/passwd",
    "x @ git+ssh://git@example.org/x",
    "x[y] @ ./x",
    "x y",
    "x, y",
    "x;y",
    "x==1 y==2",
    "x\n--index-url=https://example.org",
    "x\r\ny",
    "x\u0000",
    "x\t==1",
    "x==1\\\ny",
    "x # comment",
    "x==$(id)",
    "x==`id`",
    "${HOME}",
    "x==${HOME}",
    "x==1;import os",
    "x ; extra == 'y'",
    "x ; os_name == 'a' or --index-url",
    'x ; python_version < "3\n--index-url=y"',
    "x[",
    "x[]",
    "x[--a]",
    "x==",
    "x=1",
    "x=>1",
    "x==1,",
    "x(==1",
    "_x",
    "x-",
    "-x",
    "ｘ",
    "x==１",
    "пакет",
    "x\u2028y",
    "x\u202ey",
    `${"x".repeat(301)}`,
    `x${"[y]".repeat(200)}`,
  ];
  for (const text of hostile) {
    assert.throws(() => parseRequirements([text]), (error) => {
      assert.ok(error instanceof OmcpError, text);
      assert.equal(error.code, "invalid_argument", text);
      assert.match(error.next ?? "", /Name packages as "name"/);
      assert.doesNotMatch(error.message, /[^\x20-\x7e…]/, text);
      assert.ok(error.message.length < 250, text);
      return true;
    }, JSON.stringify(text));
  }
});

Deno.test("parseRequirements() bounds their number and refuses a package twice", () => {
  assert.throws(() => parseRequirements([]), /1 to 50 requirements; received 0/);
  assert.throws(
    () => parseRequirements(Array.from({ length: MAX_REQUIREMENTS + 1 }, (_, at) => `x${at}`)),
    /received 51/,
  );
  assert.throws(() => parseRequirements(["a-b>1", "A_B<2"]), {
    message: "Duplicate package a-b",
    next: /^Name it once/,
  });
});

Deno.test("whatever parseRequirements() accepts is one line that uv reads as one requirement, and canonical", () => {
  const pieces = fc.constantFrom(
    ..."ab1.-_[](),;<>=!~@/\\:#'\"$ \t\n+*",
    "python_version",
    "sys_platform",
    " and ",
    ">=1",
    "==1.*",
    "; ",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 14 }).map((parts) => parts.join("")), (given) => {
      let found: string[];
      try {
        found = canonical(given);
      } catch (error) {
        assert.ok(error instanceof OmcpError && error.code === "invalid_argument");
        return;
      }
      const [text = ""] = found;
      assert.match(
        text,
        /^[a-z0-9][a-z0-9-]*(?:\[[a-z0-9,-]+\])?(?:[<>=!~][A-Za-z0-9.+!*,<>=~_-]*)?(?: ; [ -~]+)?$/,
      );
      assert.deepEqual(canonical(text), found);
    }),
    { numRuns: 20_000 },
  );
});
