import assert from "node:assert/strict";
import { OutputCollector } from "../../../../src/sandbox/executions/outcome.ts";
import { OK_RESULT } from "../../../fixtures/fake_runtime.ts";

const REPLY = {
  ...OK_RESULT,
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

Deno.test("clear_output() drops earlier printed text, at once or with the next print", () => {
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

Deno.test("pieces of one stream become one output, unless another output is between them or bytes are missing", () => {
  const collector = new OutputCollector();
  const events = [
    printed("a"),
    printed(""),
    printed("b"),
    { ...printed("c"), skipped: 5 },
    { ...printed("d"), name: "stderr" },
    printed("e"),
    printed("f", true),
  ];
  for (const event of events) collector.add(event);
  assert.deepEqual(
    collector.outputs.map((output) => output.type === "stream" ? output.text : ""),
    ["ab", "c", "d", "e", "f"],
  );
});

Deno.test("the collector reports each output as it arrives, and counts the bytes that clearing drops", () => {
  const seen: string[] = [];
  const collector = new OutputCollector((output) => seen.push(output.type));
  for (const event of [printed("é😀"), { type: "clear_output", wait: false }, printed("x")]) {
    collector.add(event);
  }
  assert.deepEqual(seen, ["stream", "stream"]);
  assert.equal(collector.finish(REPLY).output.stdout.bytes, 12 - 6);
});

Deno.test("clearing more bytes than the reply counts leaves zero, not a negative number", () => {
  const collector = new OutputCollector();
  for (const event of [printed("x".repeat(20)), { type: "clear_output", wait: false }]) collector.add(event);
  assert.deepEqual(collector.finish(REPLY).output.stdout, { bytes: 0, kept: 0 });
});

for (
  const [name, event] of Object.entries({
    "undefined": undefined,
    "a number": 5,
    "an unknown type": { type: "picture", data: {} },
    "a stream of another name": { ...printed("x"), name: "stdlog" },
    "a representation that is not text": { type: "display_data", data: { "text/plain": 5 } },
    "33 representations": {
      type: "display_data",
      data: Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`text/${at}`, ""])),
    },
  })
) {
  Deno.test(`${name} among the events makes the outcome an error`, () => {
    const collector = new OutputCollector();
    collector.add(event);
    collector.add(printed("later"));
    assert.deepEqual(collector.outputs, []);
    assert.throws(() => collector.finish(REPLY), /The sandbox sent an invalid event/);
  });
}

Deno.test("the collector accepts 32 Mi characters, and not one more", () => {
  const half = "x".repeat(16 * 1024 * 1024);
  const collector = new OutputCollector();
  for (const event of [printed(half), printed(half)]) collector.add(event);
  assert.equal(collector.finish(REPLY).outputs.length, 1);
  collector.add(printed("x"));
  assert.throws(() => collector.finish(REPLY), /more than 33554432 characters of events/);
});

Deno.test("a result whose end was forged is not shown", () => {
  const collector = new OutputCollector();
  collector.add(printed("kept"));
  collector.add({ type: "execute_result", data: { "text/plain": "forged" } });
  assert.deepEqual(collector.finish({ ...REPLY, forged: true }).outputs.map(({ type }) => type), ["stream"]);
});
