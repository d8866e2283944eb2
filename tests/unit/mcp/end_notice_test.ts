import assert from "node:assert/strict";
import { withEndNotice } from "../../../src/mcp/end_notice.ts";
import { textResult } from "../../../src/mcp/results.ts";

const ID = "sbx_1";

const DAY_MS = 86_400_000;

function texts(
  remainingMs: number | undefined,
  { id = ID, names = [], lifetimeMs = DAY_MS }: {
    readonly id?: string;
    readonly names?: readonly string[];
    readonly lifetimeMs?: number;
  } = {},
) {
  const left = remainingMs === undefined ? undefined : { remainingMs, lifetimeMs };
  const { content } = withEndNotice(textResult("[ok]"), id, {
    tools: names.map((name) => ({ name })),
    services: { sandboxes: { timeLeft: (asked) => asked === ID ? left : undefined } },
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
    texts(1000, { names: ["read_file", "export_file"] })[1] ?? "",
    /ends in 1 s\. [^]*with export_file or read_file,/,
  );
  assert.match(texts(1000, { names: ["read_file"] })[1] ?? "", /needed with read_file,/);
});

Deno.test("there is no notice earlier, and none about a sandbox that has ended or a call without one", () => {
  assert.deepEqual(texts(600_000), ["[ok]"]);
  assert.deepEqual(texts(undefined), ["[ok]"]);
  assert.deepEqual(texts(1, { id: "sbx_2" }), ["[ok]"]);
  assert.deepEqual(
    withEndNotice(textResult("x"), undefined, {
      tools: [],
      services: { sandboxes: { timeLeft: () => ({ remainingMs: 1, lifetimeMs: DAY_MS }) } },
    }),
    textResult("x"),
  );
});

Deno.test("with a lifetime of less than an hour the notice comes in its last sixth", () => {
  const fiveMinutes = { lifetimeMs: 300_000 };
  assert.deepEqual(texts(50_000, fiveMinutes), ["[ok]"]);
  assert.match(texts(49_999, fiveMinutes)[1] ?? "", /ends in 49 s\./);
});
