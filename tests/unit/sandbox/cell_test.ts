import assert from "node:assert/strict";
import { CellCollector } from "../../../src/sandbox/cell.ts";

const REPLY = {
  status: "ok",
  kernel: "kept",
  elapsed_ms: 1,
  output: {
    stdout: { bytes: 12, kept: 12 },
    stderr: { bytes: 0, kept: 0 },
    displays: { count: 1, kept: 1, bytes: 1 },
  },
};
const printed = (text: string, late = false) => ({
  type: "stream",
  name: "stdout",
  text,
  ...(late ? { late } : {}),
});

Deno.test("what was printed before a clearing is forgotten, at once or when more is printed", () => {
  const shown = { type: "display", data: { "text/plain": "x" } };
  for (
    const [events, texts, bytes] of [
      [[printed("old\n"), { type: "clear", wait: false }, printed("new\n")], ["new\n"], 8],
      [[printed("one\n"), { type: "clear", wait: true }], ["one\n"], 12],
      [[printed("one\n"), { type: "clear", wait: true }, printed("two\n"), shown], ["two\n", "x"], 8],
      [
        [printed("late\n", true), printed("one\n"), { type: "clear", wait: false }, shown],
        ["late\n", "x"],
        8,
      ],
    ] as const
  ) {
    const collector = new CellCollector();
    for (const event of events) collector.take(event);
    const { outputs, output } = collector.finish(REPLY);
    assert.deepEqual(
      outputs.map((each) =>
        each.type === "stream" ? each.text : each.type === "display" ? each.data["text/plain"] : ""
      ),
      texts,
    );
    assert.equal(output.stdout.bytes, bytes);
  }
});
