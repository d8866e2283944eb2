import assert from "node:assert/strict";
import { OmcpError } from "../../../src/errors.ts";
import { firstContent } from "../../../src/mcp/first_content.ts";

const NOTHING_ASKED = { check: () => assert.fail("there are no packages to check") };

Deno.test("firstContent() reads texts and base64, and gives each kind of content its time", () => {
  const files = [{ path: "a.txt", text: "é" }, { path: "b.bin", base64: "AP8=" }];
  const content = firstContent({ files }, NOTHING_ASKED);
  assert.deepEqual(content.files.map(({ bytes }) => [...bytes]), [[0xc3, 0xa9], [0, 255]]);
  const checked: unknown[] = [];
  const installer = {
    check: (texts: readonly string[]) => {
      checked.push(texts);
      return [];
    },
  };
  const both = firstContent({ files, packages: ["humanize"] }, installer);
  assert.deepEqual(checked, [["humanize"]]);
  assert.ok(firstContent({}, NOTHING_ASKED).timeoutMs === 0 && both.timeoutMs > content.timeoutMs);
});

Deno.test("firstContent() refuses what cannot be written or installed, and names the place", () => {
  const wrong: [Parameters<typeof firstContent>[0], string][] = [
    [{ files: [{ path: "a" }] }, "files[0]: Pass either text or base64"],
    [
      { files: [{ path: "a", text: "" }, { path: "b", text: "", base64: "" }] },
      "files[1]: Pass either text or base64",
    ],
    [{ files: [{ path: "a", base64: "?" }] }, "files[0]: base64 is not valid"],
  ];
  for (const [request, message] of wrong) {
    assert.throws(() => firstContent(request, NOTHING_ASKED), {
      code: "invalid_argument",
      message,
      state: "No sandbox was created.",
    });
  }
  const refusing = {
    check: () => {
      throw new OmcpError("package_not_allowed", "Not on this server's list of packages: x");
    },
  };
  assert.throws(() => firstContent({ packages: ["x"] }, refusing), {
    code: "package_not_allowed",
    message: "packages: Not on this server's list of packages: x",
    state: "No sandbox was created.",
  });
});

Deno.test("firstContent() refuses paths that no new sandbox could write, before another is removed for it", () => {
  const asked = (...paths: string[]) =>
    firstContent({ files: paths.map((path) => ({ path, text: "" })) }, NOTHING_ASKED);
  for (
    const paths of [
      ["../x"],
      ["a/../../x"],
      ["/etc/passwd"],
      ["/workspace"],
      ["/outputs/x"],
      ["."],
      ["a\0b"],
      ["a", "./a"],
      ["a", "/workspace//a"],
      ["a", "a/b"],
      ["a/b/c", "a"],
    ]
  ) {
    assert.throws(() => asked(...paths), {
      code: "invalid_argument",
      message: /^files\[\d\]: the path .+ (?:must name a file below \/workspace|is named twice)/,
      state: "No sandbox was created.",
    }, paths.join(" "));
  }
  assert.equal(asked("a", "a.b", "ab/c", "/workspace/ab/d", "..a", "b/...").files.length, 6);
});
