import assert from "node:assert/strict";
import { OutputCollector } from "../../../src/sandbox/outcome.ts";

const REPLY = {
  status: "ok",
  kernel: "kept",
  execution_count: 1,
  elapsed_ms: 1,
  output: {
    stdout: { bytes: 12, kept: 12 },
    stderr: { bytes: 0, kept: 0 },
    displays: { count: 1, kept: 1, bytes: 1 },
  },
  died: null,
  lost: null,
  oom_kills: 0,
  forged: false,
  background_processes: 0,
  background_threads: 0,
};
const printed = (text: string, late = false) => ({
  type: "stream",
  name: "stdout",
  text,
  ...(late ? { late } : {}),
});

Deno.test("what was printed before a clearing is forgotten, at once or when more is printed", () => {
  const shown = { type: "display_data", data: { "text/plain": "x" } };
  for (
    const [events, texts, bytes] of [
      [[printed("old\n"), { type: "clear_output", wait: false }, printed("new\n")], ["new\n"], 8],
      [[printed("one\n"), { type: "clear_output", wait: true }], ["one\n"], 12],
      [[printed("one\n"), { type: "clear_output", wait: true }, printed("two\n"), shown], ["two\n", "x"], 8],
      [
        [printed("late\n", true), printed("one\n"), { type: "clear_output", wait: false }, shown],
        ["late\n", "x"],
        8,
      ],
    ] as const
  ) {
    const collector = new OutputCollector();
    for (const event of events) collector.add(event);
    const { outputs, output } = collector.finish(REPLY);
    assert.deepEqual(
      outputs.map((each) =>
        each.type === "stream" ? each.text : each.type === "display_data" ? each.data["text/plain"] : ""
      ),
      texts,
    );
    assert.equal(output.stdout.bytes, bytes);
  }
});
