import assert from "node:assert/strict";
import { cellResult } from "../../../src/mcp/cell_result.ts";
import { GIF, PNG, WEBP } from "../../fixtures/pictures.ts";
import type { ExecutionOutput } from "../../../src/agent_protocol/messages/mod.ts";
import type { ExecutionOutcome } from "../../../src/sandbox/mod.ts";

function outcome(outputs: ExecutionOutput[], rest: Partial<ExecutionOutcome> = {}): ExecutionOutcome {
  return {
    status: "ok",
    kernel: "kept",
    executionCount: 3,
    elapsedMs: 12,
    outputs,
    output: {
      stdout: { bytes: 0, kept: 0 },
      stderr: { bytes: 0, kept: 0 },
      displays: { count: 0, kept: 0, bytes: 0 },
    },
    backgroundProcesses: 0,
    backgroundThreads: 0,
    oomKills: 0,
    forged: false,
    died: null,
    lost: null,
    ...rest,
  };
}

function textOf(whole: ExecutionOutcome, characters = 1000): string {
  const [first] = cellResult(whole, characters).content;
  return first?.type === "text" ? first.text : "";
}

Deno.test("plain text is shown rather than Markdown, LaTeX or HTML", () => {
  const text = textOf(outcome([
    { type: "display_data", data: { "text/plain": "x**2", "text/latex": "$x^2$" } },
    { type: "display_data", data: { "text/html": "<p>", "text/markdown": "# T" } },
    { type: "display_data", data: { "application/pdf": "A" } },
    { type: "execute_result", data: { "text/plain": "   a\n0  1", "text/html": "<table></table>" } },
  ]));
  assert.equal(
    text,
    "[display] x**2\n[display] # T\n[value]\n   a\n0  1\n[ok, In[3], 0.012 s, variables kept]",
  );
});

Deno.test("one picture is attached for each object, of any kind that clients show", () => {
  const result = cellResult(
    outcome([
      {
        type: "display_data",
        data: { "image/png": PNG, "image/jpeg": btoa("\xff\xd8\xff"), "text/plain": "<Image>" },
      },
      { type: "display_data", data: { "image/gif": GIF } },
      { type: "display_data", data: { "image/webp": WEBP } },
      { type: "display_data", data: { "image/png": GIF, "text/plain": "forged" } },
      { type: "display_data", data: { "image/png": btoa("\x89PNG\r\n\x1a\n" + "x".repeat(1024 * 1024)) } },
    ]),
    1000,
  );
  const [text, ...images] = result.content;
  assert.deepEqual(images.map((image) => image.type === "image" && image.mimeType), [
    "image/png",
    "image/gif",
    "image/webp",
  ]);
  assert.ok(text?.type === "text");
  assert.match(text.text, /^\[image 1\] <Image>\n\[image 2\] image\/gif\n\[image 3\] image\/webp\n/);
  assert.match(text.text, /forged \[not shown: its bytes are no image\/png\]\n/);
  assert.match(
    text.text,
    /\[image\/png not shown: 1\.0 MiB, at most 1\.0 MiB can be shown; make it smaller\]/,
  );
});

Deno.test("notes are no errors, and what came between cells is labelled", () => {
  const text = textOf(outcome([
    { type: "stream", name: "stdout", text: "tick\n", late: true },
    { type: "stream", name: "stdout", text: "now\n" },
    { type: "error", ename: "ValueError", evalue: "x", traceback: "ValueError: x", note: true },
  ], { backgroundProcesses: 1, backgroundThreads: 2 }));
  assert.equal(
    text,
    "[output since the last cell, stdout]\ntick\n[stdout]\nnow\n[note] ValueError: x\n" +
      "[1 process and 2 threads run on in the background, first seen after this cell, until the sandbox is removed]\n" +
      "[ok, In[3], 0.012 s, variables kept]",
  );
});

Deno.test("no output hides another: stdout, stderr and values share the budget", () => {
  const text = textOf(
    outcome([
      { type: "stream", name: "stdout", text: `${"o".repeat(5000)}end` },
      { type: "stream", name: "stderr", text: "careful" },
      { type: "display_data", data: { "text/plain": "d".repeat(5000) } },
      { type: "execute_result", data: { "text/plain": "42" } },
    ]),
    900,
  );
  const flooded = textOf(
    outcome([
      { type: "stream", name: "stdout", text: "l".repeat(5000), late: true, skipped: 70_000 },
      { type: "stream", name: "stdout", text: `${"a".repeat(100)}\n` },
    ]),
    900,
  );
  assert.match(flooded, /72\.\d KiB left out here\][^]*\[stdout\]\na{100}\n\[ok/);
  assert.ok(text.length < 1300);
  assert.match(text, /o\n… \[4\.\d KiB left out here\] …\no+end\n\[stderr\]\ncareful\n/);
  assert.match(text, /\[value\]\n42\n/);
});
