import assert from "node:assert/strict";
import { withEndNotice } from "../../../src/mcp/end_notice.ts";
import { textResult } from "../../../src/mcp/results.ts";

const ID = "sbx_1";

function texts(remainingMs: number | undefined, id: string | undefined = ID, names: readonly string[] = []) {
  const { content } = withEndNotice(textResult("[ok]"), id, {
    tools: names.map((name) => ({ name })),
    services: { sandboxes: { remainingMs: (asked) => asked === ID ? remainingMs : undefined } },
  });
  return content.map((block) => block.type === "text" ? block.text : block.type);
}

Deno.test("a result says that its sandbox has less than ten minutes left, after the result's own text", () => {
  const [own, notice, ...rest] = texts(599_999);
  assert.deepEqual([own, rest], ["[ok]", []]);
  assert.match(
    notice ?? "",
    /^\[notice: the lifetime of sandbox sbx_1 ends in 9 min\. [^\n]*save what is needed, and go on[^\n]*\]$/,
  );
});

Deno.test("the notice names the tools that the server has to save files", () => {
  assert.match(
    texts(1000, ID, ["read_file", "export_file"])[1] ?? "",
    /ends in 1 s\. [^]*with export_file or read_file,/,
  );
  assert.match(texts(1000, ID, ["read_file"])[1] ?? "", /needed with read_file,/);
});

Deno.test("there is no notice earlier, and none about a sandbox that has ended or a call without one", () => {
  assert.deepEqual(texts(600_000), ["[ok]"]);
  assert.deepEqual(texts(undefined), ["[ok]"]);
  assert.deepEqual(
    withEndNotice(textResult("x"), undefined, {
      tools: [],
      services: { sandboxes: { remainingMs: () => 1 } },
    }),
    textResult("x"),
  );
});
