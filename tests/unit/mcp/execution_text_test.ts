import assert from "node:assert/strict";
import type { ExecutionOutput } from "../../../src/agent_protocol/messages/mod.ts";
import { OmcpError } from "../../../src/errors.ts";
import { executionResult } from "../../../src/mcp/execution_text.ts";
import { unconfirmed } from "../../../src/sandbox/executions/cell_errors.ts";
import { KernelRestart } from "../../../src/sandbox/executions/kernel_restart.ts";
import type { ExecutionOutcome } from "../../../src/sandbox/executions/outcome.ts";
import { Execution } from "../../../src/sandbox/executions/execution.ts";

const CHARACTERS = 1000;

function printed(text: string, name: "stdout" | "stderr" = "stdout"): ExecutionOutput {
  return { type: "stream", name, text };
}

function running(outputs: readonly ExecutionOutput[]): Execution {
  const execution = new Execution({
    owner: "local",
    tool: "execute_python_code",
    source: "pass",
    timeoutMs: 1000,
    usesKernel: true,
    work: () => new Promise(() => {}),
  }, { sandboxId: "sbx_1", onChange: () => {} });
  for (const output of outputs) execution.log.append(output);
  return execution;
}

function printedBytes(bytes: number): ExecutionOutcome["output"] {
  const none = { bytes: 0, kept: 0 };
  return { stdout: { bytes, kept: bytes }, stderr: none, displays: { count: 0, ...none } };
}

/** A cell that has ended well with these outputs, as soon as its work has run. */
function ended(
  outputs: readonly ExecutionOutput[],
  rest: Partial<ExecutionOutcome> = {},
  until: (signal: AbortSignal) => Promise<void> = () => Promise.resolve(),
): Execution {
  return new Execution({
    owner: "local",
    tool: "execute_python_code",
    source: "pass",
    timeoutMs: 1000,
    usesKernel: true,
    work: async (run) => {
      run.started();
      await until(run.signal);
      for (const output of outputs) run.log.append(output);
      const outcome: ExecutionOutcome = {
        ...unconfirmed("interrupted", outputs, 1),
        status: "ok",
        kernel: "kept",
        ...rest,
      };
      return { kind: "cell", outcome };
    },
  }, { sandboxId: "sbx_1", onChange: () => {} });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
}

/** The texts of all answers from the beginning on. */
function pages(execution: Execution): string[] {
  const texts: string[] = [];
  for (let since = 0; texts.length < 500;) {
    const { content } = executionResult(execution, { characters: CHARACTERS, since });
    const text = content.flatMap((block) => block.type === "text" ? [block.text] : []).join("\n");
    texts.push(text);
    if (!text.includes("there is more output]")) return texts;
    const next = Number(/"since":(\d+)/.exec(text)?.[1]);
    assert.ok(next > since, text);
    since = next;
  }
  assert.fail("there is no last page");
}

Deno.test("pages lose nothing if output needs more room in the result than in the log", () => {
  for (
    const [outputs, character] of [
      [[printed("\x07".repeat(5000))], "\\x07"],
      [[printed("\u202e".repeat(3000))], "\\u202e"],
      [[printed("a".repeat(500)), printed("\x07".repeat(900), "stderr"), printed("b".repeat(900))], "\\x07"],
    ] as const
  ) {
    const texts = pages(running(outputs));
    for (const text of texts) assert.doesNotMatch(text, /left out/);
    const length = outputs.flatMap((output) => output.type === "stream" ? [...output.text] : [])
      .filter((one) => one !== "a" && one !== "b").length;
    assert.equal(texts.join("").split(character).length - 1, length);
  }
});

Deno.test("the page with a gap names the saved output, and so does only that page", async () => {
  const outputs: ExecutionOutput[] = [
    printed("first\n".repeat(300)),
    { type: "stream", name: "stdout", text: "last\n".repeat(600), skipped: 700_000 },
  ];
  const saved = { path: "/outputs/exec_1/stdout", bytes: 900_000, complete: true };
  const execution = ended(outputs, { output: printedBytes(900_000), saved: { stdout: saved, stderr: null } });
  await execution.settled;
  const texts = pages(execution);
  const gap = texts.filter((text) => text.includes("left out here]"));
  assert.equal(gap.length, 1);
  assert.match(
    gap[0] ?? "",
    /\n\[what is left out here has no position; read_file with path \/outputs\/exec_1\/stdout returns all of stdout\]\n\[ok; there is more/,
  );
  assert.equal(texts.filter((text) => text.includes("has no position")).length, 1);
  assert.equal(execution.record().outputBytes, 900_000);
});

Deno.test("a cell that a restart interrupted says what became of its variables", async () => {
  for (
    const [act, says] of [
      [() => {}, /restart_kernel is about to replace the kernel: variables are lost/],
      [(restart: KernelRestart) => restart.sent(), /kernel restarted: variables are lost/],
      [(restart: KernelRestart) => restart.giveUp(), /variables kept/],
    ] as const
  ) {
    const restart = new KernelRestart();
    const execution = ended([], { status: "interrupted" }, aborted);
    await new Promise((resolve) => setTimeout(resolve, 0));
    execution.interrupt(restart);
    await execution.settled;
    act(restart);
    const [first] = executionResult(execution, { characters: CHARACTERS }).content;
    assert.match(first?.type === "text" ? first.text : "", says);
  }
});

Deno.test("an error of work that ran when a restart interrupted it says that variables are lost", async () => {
  const restart = new KernelRestart();
  const execution = new Execution({
    owner: "local",
    tool: "query_omop",
    source: "query",
    timeoutMs: 1000,
    usesKernel: true,
    work: async ({ started, signal }) => {
      started();
      await aborted(signal);
      throw new OmcpError("cancelled", "The call was cancelled", { state: "variables are kept" });
    },
  }, { sandboxId: "sbx_1", onChange: () => {} });
  await new Promise((resolve) => setTimeout(resolve, 0));
  execution.interrupt(restart);
  await execution.settled;
  restart.sent();
  restart.giveUp();
  assert.match(execution.error?.state ?? "", /its kernel restarted: variables are lost/);
});

Deno.test("a page that is full ends before the next stream, not in its first number", () => {
  const texts = pages(running([printed("a".repeat(CHARACTERS)), printed("12345\n", "stderr")]));
  assert.match(texts[1] ?? "", /^\[stderr\]\n12345\n/);
});

Deno.test("the pages of an execution that failed come before its error", async () => {
  const execution = running([printed("line\n".repeat(500))]);
  execution.lose(new OmcpError("sandbox_lost", "It is lost"));
  await execution.settled;
  const texts = pages(execution);
  assert.equal(texts.join("").split("line\n").length - 1, 500);
  assert.deepEqual(texts.map((text) => text.includes("Error sandbox_lost")), [false, false, true]);
});

Deno.test("the answer for a running cell says that the sandbox holds back further output", () => {
  const printing = running([printed("x".repeat(131_000))]);
  const view = { characters: CHARACTERS, since: 131_000 };
  function text(): string {
    return executionResult(printing, view).content.map((block) => block.type === "text" ? block.text : "")
      .join();
  }
  assert.doesNotMatch(text(), /\/outputs\//);
  printing.log.append(printed("x".repeat(72)));
  assert.match(
    text(),
    new RegExp(
      `^\\[stdout\\]\nx{72}\n\\[of stdout, only the first 128\\.0 KiB arrive .*/outputs/${printing.id}/stdout`,
    ),
  );
  printing.log.clearPrinted();
  assert.match(text(), /\/outputs\//);
});
