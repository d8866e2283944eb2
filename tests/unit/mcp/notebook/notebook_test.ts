import assert from "node:assert/strict";
import type { ExecutionOutput } from "../../../../src/agent_protocol/messages/mod.ts";
import { OmcpError } from "../../../../src/errors.ts";
import { buildNotebook, notebookBytes } from "../../../../src/mcp/notebook/notebook.ts";
import type { NotebookCell } from "../../../../src/mcp/notebook/format.ts";
import { queryCell } from "../../../../src/mcp/notebook/query_cell.ts";
import { unconfirmed } from "../../../../src/sandbox/executions/cell_errors.ts";
import type { ExecutionSpec } from "../../../../src/sandbox/executions/execution_spec.ts";
import type { ExecutionOutcome } from "../../../../src/sandbox/executions/outcome.ts";
import { ExecutionStore, MAX_EXECUTIONS } from "../../../../src/sandbox/executions/store.ts";
import { MAX_SOURCE_CHARACTERS } from "../../../../src/sandbox/executions/notebook_sources.ts";
import { PNG } from "../../../fixtures/pictures.ts";

function storeOf(): ExecutionStore {
  return new ExecutionStore({ sandboxId: "sbx_1", maxRunning: 4 });
}

function cellsOf(store: ExecutionStore, owner = "local"): readonly NotebookCell[] {
  const { notebook } = buildNotebook({
    sandboxId: "sbx_1",
    history: store.history(owner),
    forgotten: store.forgotten,
  });
  return notebook.cells;
}

function sourceOf(cell: NotebookCell | undefined): string {
  return cell?.source.join("") ?? "";
}

/** The outputs of the last cell. */
function outputsOf(store: ExecutionStore) {
  const last = cellsOf(store).at(-1);
  assert.equal(last?.cell_type, "code");
  return last.outputs;
}

function spec(code: string, work: ExecutionSpec["work"], more: Partial<ExecutionSpec> = {}): ExecutionSpec {
  return {
    owner: "local",
    tool: "execute_python_code",
    source: code,
    timeoutMs: 60_000,
    notebook: { code },
    work,
    ...more,
  };
}

/** Runs a cell that ends with these outputs. */
async function run(
  store: ExecutionStore,
  code: string,
  outputs: readonly ExecutionOutput[] = [],
  rest: Partial<ExecutionOutcome> = {},
): Promise<void> {
  await store.start(spec(code, (run) => {
    for (const output of outputs) run.log.append(output);
    const outcome = { ...unconfirmed("timeout", outputs, 1), status: "ok" as const, kernel: "kept" as const };
    return Promise.resolve({ kind: "cell", outcome: { ...outcome, executionCount: 7, ...rest } });
  })).settled;
}

Deno.test("a cell has its source, number and outputs, in the order in which they came", async () => {
  const store = storeOf();
  await run(store, "print('a')\nfigure", [
    { type: "stream", name: "stdout", text: "a\nb" },
    { type: "display_data", data: { "image/png": PNG, "text/plain": "<Figure>" } },
    {
      type: "display_data",
      data: { "application/vnd.vegalite.v6+json": '{"mark":"bar"}', "text/plain": "x" },
    },
    { type: "execute_result", data: { "text/plain": "7", "text/html": "<b>7</b>" } },
  ]);
  const cell = cellsOf(store).at(-1);
  assert.equal(cell?.cell_type, "code");
  assert.deepEqual(cell.source, ["print('a')\n", "figure"]);
  assert.equal(cell.execution_count, 7);
  assert.match(cell.id, /^exec_[0-9a-f]{32}$/);
  assert.deepEqual(cell.outputs, [
    { output_type: "stream", name: "stdout", text: ["a\n", "b"] },
    { output_type: "display_data", data: { "image/png": PNG, "text/plain": "<Figure>" }, metadata: {} },
    {
      output_type: "display_data",
      data: { "application/vnd.vegalite.v6+json": { mark: "bar" }, "text/plain": "x" },
      metadata: {},
    },
    {
      output_type: "execute_result",
      data: { "text/plain": "7", "text/html": "<b>7</b>" },
      metadata: {},
      execution_count: 7,
    },
  ]);
});

Deno.test("an exception is an error output, and does not stop the notebook", async () => {
  const store = storeOf();
  const error = {
    type: "error",
    ename: "ValueError",
    evalue: "no",
    traceback: "Traceback:\nValueError: no\n",
  } as const;
  await run(store, "f()", [{ ...error, note: true }, error], { status: "error" });
  assert.deepEqual(cellsOf(store).at(-1)?.metadata.tags, ["raises-exception"]);
  assert.deepEqual(outputsOf(store), [
    { output_type: "stream", name: "stderr", text: ["Traceback:\n", "ValueError: no\n"] },
    {
      output_type: "error",
      ename: "ValueError",
      evalue: "no",
      traceback: ["Traceback:", "ValueError: no"],
    },
  ]);
});

Deno.test("no line of an error's message, or of code after an odd end of a line, becomes code", async () => {
  const store = storeOf();
  const message = 'invalid input syntax for type integer: "1\nopen(1)\u2028!touch x\n"\nLINE 1: selec';
  await store.start(
    spec("a = '\x0b!ls'\r\n%run x\x85!ls", () => Promise.reject(new OmcpError("invalid_argument", message))),
  ).settled;
  // As Python's str.splitlines() and so IPython have it.
  // deno-lint-ignore no-control-regex
  for (const line of sourceOf(cellsOf(store).at(-1)).split(/\r\n|[\n-\r\x1c-\x1e\x85\u2028\u2029]/)) {
    assert.match(line, /^# /);
  }
});

Deno.test("a cell that would not end, or did not run, is commented out with the reason", async () => {
  const store = storeOf();
  for (
    const [status, reason] of [
      ["timeout", "it exceeded its timeout"],
      ["interrupted", "it was interrupted"],
      ["kernel_died", "its Python process ended"],
    ] as const
  ) {
    await run(store, "import os\rwhile True:\n    pass", [], { status, kernel: "restarted" });
    assert.equal(
      sourceOf(cellsOf(store).at(-1)),
      `# Commented out, so that the notebook runs again: ${reason}.\n# import os\n# while True:\n#     pass`,
    );
    assert.match(
      JSON.stringify(outputsOf(store)),
      /the Python process was replaced after this cell: variables were lost/,
    );
  }
  await store.start(spec("1", () => Promise.reject(new OmcpError("kernel_unavailable", "No kernel"))))
    .settled;
  assert.equal(
    sourceOf(cellsOf(store).at(-1)),
    "# Commented out, so that the notebook runs again: No kernel.\n# 1",
  );
  assert.match(JSON.stringify(outputsOf(store)), /kernel_unavailable: No kernel/);
});

Deno.test("a cell says what is missing of its output, with the size", async () => {
  const store = storeOf();
  const outputs: ExecutionOutput[] = [
    { type: "stream", name: "stdout", text: "first\n" },
    { type: "stream", name: "stdout", text: "last\n", skipped: 5000 },
  ];
  await run(store, "print(x)", outputs, {
    output: {
      stdout: { bytes: 5011, kept: 11 },
      stderr: { bytes: 0, kept: 0 },
      displays: { count: 3, kept: 1, bytes: 0 },
    },
  });
  const text = JSON.stringify(outputsOf(store));
  assert.match(text, /\[… 4\.9 KiB left out …\]/);
  assert.match(text, /stdout had 4\.9 KiB in all, of which 11 bytes are here/);
  assert.match(text, /1 of 3 displays are here/);
  const { incomplete } = buildNotebook({ sandboxId: "sbx_1", history: store.history("local"), forgotten: 0 });
  assert.equal(incomplete, 1);
});

Deno.test("older executions keep their source when their output is gone, and the oldest are counted", async () => {
  const store = storeOf();
  for (let at = 0; at < MAX_EXECUTIONS + 1002; at += 1) {
    await run(store, `x = ${at}`, [{ type: "stream", name: "stdout", text: "12345" }]);
  }
  const cells = cellsOf(store);
  assert.equal(cells.length, 1 + MAX_EXECUTIONS + 1000);
  assert.match(sourceOf(cells[0]), /2 earlier executions are not kept/);
  assert.equal(sourceOf(cells[1]), "x = 2");
  assert.match(JSON.stringify(cells[1]), /5 bytes of output are no longer kept/);
});

Deno.test("sources have a bound: the oldest make room, and their cells say so", async () => {
  const store = storeOf();
  for (let at = 0; at < 3; at += 1) await run(store, `y = ${at}\n#${"x".repeat(MAX_SOURCE_CHARACTERS / 2)}`);
  const [, first, , third] = cellsOf(store);
  assert.equal(sourceOf(first), "# The source is no longer kept. Its first line: y = 0");
  assert.match(sourceOf(third), /^y = 2\n#xx/);
});

Deno.test("another's executions are not in it, and other tools are texts", async () => {
  const store = storeOf();
  await run(store, "mine = 1");
  await store.start(spec("secret", () => Promise.resolve({ kind: "text", text: "" }), { owner: "other" }))
    .settled;
  const { notebook: _, ...plain } = spec(
    "install_package `x`\n</div>",
    () => Promise.resolve({ kind: "text", text: "" }),
  );
  await store.start({ ...plain, tool: "install_package" }).settled;
  const cells = cellsOf(store);
  assert.deepEqual(cells.map(({ cell_type }) => cell_type), ["markdown", "code", "markdown"]);
  assert.doesNotMatch(JSON.stringify(cells), /secret/);
  assert.equal(sourceOf(cells[2]), "A call of the tool `install_package` (ok):\n\n    install_package `x`");
});

Deno.test("text that Python could not write is replaced, and invalid JSON is left out", async () => {
  const store = storeOf();
  await run(store, "print('\\ud800')", [
    { type: "stream", name: "stdout", text: "\ud800\u001b[31m" },
    { type: "display_data", data: { "application/json": "{", "text/plain": "\udfff" } },
  ]);
  assert.deepEqual(outputsOf(store), [
    { output_type: "stream", name: "stdout", text: ["\ufffd\u001b[31m"] },
    { output_type: "display_data", data: { "text/plain": "\ufffd" }, metadata: {} },
  ]);
  const { notebook } = buildNotebook({ sandboxId: "sbx_1", history: store.history("local"), forgotten: 0 });
  assert.deepEqual(JSON.parse(new TextDecoder().decode(notebookBytes(notebook))), notebook);
});

Deno.test("a cell still running has its output until then; one that waits is commented out", async () => {
  const store = storeOf();
  const forever = () => new Promise<never>(() => {});
  store.start(spec("go()", (run) => {
    run.log.append({ type: "stream", name: "stdout", text: "1\n" });
    return forever();
  }));
  store.start(spec("next()", forever, { usesKernel: true }));
  await new Promise((resolve) => setTimeout(resolve, 0));
  const [, first, second] = cellsOf(store);
  assert.equal(sourceOf(first), "go()");
  assert.match(JSON.stringify(first), /"1\\n".*it was running when this notebook was written/);
  assert.match(sourceOf(second), /^# Commented out.*it had not begun.*\n# next\(\)$/);
  store.close("the test ended", new OmcpError("sandbox_lost", "Lost"));
});

Deno.test("a query is Python that leaves its DataFrame", () => {
  const columns = [{ name: "a", type: "bigint" }, { name: "d", type: "date" }] as const;
  const sql = `select "a", "d" from cdm.person where x = 'it''s \\n'`;
  const { code } = queryCell("df", sql, { columns, limit: 10 });
  assert.ok(
    code.includes(`cursor.execute("select \\"a\\", \\"d\\" from cdm.person where x = 'it''s \\\\n'")`),
    code,
  );
  assert.match(code, /fetchmany\(10\)/);
  assert.match(code, /^dtypes = \{"a": "Int64", "d": "datetime64\[s\]"\}\ndf = pandas\.DataFrame/m);
});
