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
    cpuMs: 4,
    peakMemoryBytes: 150 * 1024 * 1024,
    files: { changed: [], count: 0, complete: true },
    saved: { stdout: null, stderr: null },
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
    "[display] x**2\n[display] # T\n[value]\n   a\n0  1\n[ok, In[3], 0.012 s (CPU 0.004 s, peak memory 150 MiB), variables kept]",
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
  assert.match(text.text, /forged \[not shown: its bytes are not image\/png\]\n/);
  assert.match(
    text.text,
    /\[image\/png not shown: 1\.0 MiB, at most 1\.0 MiB can be shown; make it smaller\]/,
  );
});

Deno.test("a note is not an error, and output between cells has a label of its own", () => {
  const text = textOf(outcome([
    { type: "stream", name: "stdout", text: "tick\n", late: true },
    { type: "stream", name: "stdout", text: "now\n" },
    { type: "error", ename: "ValueError", evalue: "x", traceback: "ValueError: x", note: true },
  ], { backgroundProcesses: 1, backgroundThreads: 2 }));
  assert.equal(
    text,
    "[output since the last cell, stdout]\ntick\n[stdout]\nnow\n[note] ValueError: x\n" +
      "[1 process and 2 threads, first seen after this cell, run in the background until the kernel is restarted or ends]\n" +
      "[ok, In[3], 0.012 s (CPU 0.004 s, peak memory 150 MiB), variables kept]",
  );
});

Deno.test("a call that waited for the kernel's start or for another cell says so, a quick one does not", () => {
  assert.equal(
    textOf(outcome([], { waitedMs: 2_000, kernelStartMs: 9_100 })),
    "[waited 2.0 s for another cell of this context]\n" +
      "[ok, In[3], 0.012 s after 9.1 s for the kernel's start (CPU 0.004 s, peak memory 150 MiB), variables kept]",
  );
  assert.equal(
    textOf(outcome([], { waitedMs: 3, kernelStartMs: 4 })),
    "[ok, In[3], 0.012 s (CPU 0.004 s, peak memory 150 MiB), variables kept]",
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

Deno.test("the result of a cell without output is its status line", () => {
  assert.equal(
    textOf(outcome([])),
    "[ok, In[3], 0.012 s (CPU 0.004 s, peak memory 150 MiB), variables kept]",
  );
  const blank: ExecutionOutput[] = [
    { type: "stream", name: "stdout", text: " \n" },
    { type: "execute_result", data: { "text/plain": "" } },
  ];
  assert.equal(
    textOf(outcome(blank)),
    "[ok, In[3], 0.012 s (CPU 0.004 s, peak memory 150 MiB), variables kept]",
  );
});

Deno.test("the status after an out-of-memory names memory_mb, and the server-side cursor for a cell that reads from a database", () => {
  const died = outcome([], {
    status: "kernel_died",
    died: { oom: true, signal: "SIGKILL", exitCode: null },
  });
  const said = (source: string) => {
    const [first] = cellResult(died, 1000, { source }).content;
    return first?.type === "text" ? first.text : "";
  };
  const LIMIT = /out_of_memory, the sandbox's memory limit was reached; .*memory_mb/;
  for (
    const source of [
      "import psycopg\nrows = psycopg.connect().execute(sql).fetchall()",
      "df = pd.read_sql(sql, engine)",
      "df = pl.read_database(sql, c)",
      "cur = c.cursor()\ncur.execute(sql)",
      "rows = conn.execute(sql).fetchall()",
    ]
  ) {
    assert.match(said(source), LIMIT, source);
    assert.match(said(source), /conn\.cursor\(name='rows'\)/, source);
  }
  for (
    const source of ["bytearray(3 * 10**9)", "np.ones((10**5, 10**5))", "fig, axes = plt.subplots(500)", ""]
  ) {
    assert.match(said(source), LIMIT, source);
    assert.doesNotMatch(said(source), /query|cursor/, source);
  }
  assert.doesNotMatch(textOf({ ...died, lost: died.died, died: null }), /query|cursor/);
});

Deno.test("the status line has no execution count of a replaced kernel, and its time is in seconds", () => {
  assert.equal(
    textOf(outcome([], { status: "timeout", kernel: "restarted", executionCount: 0, elapsedMs: 1000 })),
    "[reduce the work, or pass a longer timeout]\n" +
      "[timeout, 1.0 s (CPU 0.004 s, peak memory 150 MiB), kernel restarted: variables are lost, files in /workspace remain]",
  );
  assert.match(textOf(outcome([], { elapsedMs: 999 })), /0\.999 s/);
  assert.match(
    textOf(outcome([], { status: "kernel_died", died: { oom: false, signal: "SIGSEGV", exitCode: null } })),
    /^\[kernel_died \(the Python process ended: killed by SIGSEGV\), /,
  );
});

Deno.test("every status but ok is an error result", () => {
  for (const status of ["ok", "error", "timeout", "interrupted", "kernel_died"] as const) {
    assert.equal(cellResult(outcome([], { status }), 100).isError === true, status !== "ok", status);
  }
});

Deno.test("text that fits the budget exactly is whole, and one character more is cut and counted", () => {
  const printed = (text: string) => textOf(outcome([{ type: "stream", name: "stdout", text }]), 10);
  assert.match(printed("0123456789"), /^\[stdout\]\n0123456789\n\[ok/);
  assert.match(printed("0123456789a"), /^\[stdout\]\n01234\n… \[1 byte left out here\] …\n6789a\n\[ok/);
  assert.match(printed("01234é56789"), /^\[stdout\]\n01234\n… \[2 bytes left out here\] …\n56789\n\[ok/);
  assert.match(printed("0123😀😀56789"), /^\[stdout\]\n0123\n… \[8 bytes left out here\] …\n56789\n\[ok/);
  const value = (text: string) =>
    textOf(outcome([{ type: "execute_result", data: { "text/plain": text } }]), 10);
  assert.match(value("0123456789"), /^\[value\]\n0123456789\n\[ok/);
  assert.match(value("0123456789a"), /^\[value\]\n01234\n… \[1 byte left out here\] …\n6789a\n\[ok/);
  const traceback = `${"a".repeat(50)}${"é".repeat(1000)}${"z".repeat(50)}`;
  const error: ExecutionOutput = { type: "error", ename: "E", evalue: "", traceback };
  assert.match(
    textOf(outcome([error]), 100),
    /^\[error\] a{50}\n… \[2\.0 KiB left out here\] …\nz{50}\n\[ok/,
  );
});

Deno.test("CRLF is one line's end, and a note says how much of a stream never arrived", () => {
  assert.match(
    textOf(outcome([{ type: "stream", name: "stdout", text: "a\r\nb\r\n" }])),
    /^\[stdout\]\na\nb\n\[ok/,
  );
  const text = textOf(outcome([{ type: "stream", name: "stdout", text: "abc" }], {
    output: {
      stdout: { bytes: 4, kept: 3 },
      stderr: { bytes: 0, kept: 0 },
      displays: { count: 0, kept: 0, bytes: 0 },
    },
  }));
  assert.match(text, /\n\[stdout had 4 bytes in all; /);
});

Deno.test("a budget of zero still states the sizes", () => {
  const outputs: ExecutionOutput[] = [
    { type: "stream", name: "stdout", text: "abc" },
    { type: "stream", name: "stderr", text: "é" },
  ];
  assert.match(textOf(outcome(outputs), 0), /3 bytes left out here[^]*2 bytes left out here[^]*\[ok/);
});

Deno.test("one process and several have the right noun and verb", () => {
  const one = textOf(outcome([], { backgroundProcesses: 1 }));
  assert.match(one, /\[1 process, first seen after this cell, runs in the background/);
  assert.match(
    textOf(outcome([], { backgroundThreads: 2 })),
    /\[2 threads, first seen after this cell, run in the background/,
  );
});
