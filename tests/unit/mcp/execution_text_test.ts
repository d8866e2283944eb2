import assert from "node:assert/strict";
import type { ExecutionOutput } from "../../../src/agent_protocol/messages/mod.ts";
import { OmcpError } from "../../../src/errors.ts";
import { executionResult } from "../../../src/mcp/execution_text.ts";
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

Deno.test("pages leave nothing out where output takes more room as it is shown", () => {
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

Deno.test("a running answer says that the sandbox holds back what a cell prints further", () => {
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
