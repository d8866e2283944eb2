import assert from "node:assert/strict";
import fc from "fast-check";
import type { ExecutionOutput } from "../../../../src/agent_protocol/messages/mod.ts";
import { OutputLog } from "../../../../src/sandbox/executions/output_log.ts";

function stream(text: string, name: "stdout" | "stderr" = "stdout"): ExecutionOutput {
  return { type: "stream", name, text };
}

function display(text: string): ExecutionOutput {
  return { type: "display_data", data: { "text/plain": text } };
}

function textOf(outputs: readonly ExecutionOutput[]): string {
  return outputs.map((output) => {
    if (output.type === "stream") return output.text;
    return output.type === "error" ? output.traceback : `(${output.data["text/plain"]})`;
  }).join("");
}

Deno.test("a reader that follows the positions gets every character once, in order, whatever it asks for and when", () => {
  const output = fc.oneof(
    fc.record({
      text: fc.string({ unit: "grapheme", maxLength: 40 }),
      name: fc.constantFrom("stdout", "stderr"),
    })
      .map(({ text, name }) => stream(text, name)),
    fc.string({ maxLength: 20 }).map(display),
  );
  fc.assert(
    fc.property(fc.array(output), fc.array(fc.integer({ min: 0, max: 60 })), (outputs, sizes) => {
      const log = new OutputLog();
      const read: ExecutionOutput[] = [];
      let position = 0;
      for (const [at, one] of outputs.entries()) {
        log.append(one);
        const size = sizes[at];
        if (size === undefined) continue;
        const page = log.read(position, size);
        read.push(...page.outputs);
        position = page.next;
      }
      for (let page = log.read(position, 7);; page = log.read(position, 7)) {
        read.push(...page.outputs);
        position = page.next;
        if (!page.more) break;
      }
      assert.equal(textOf(read), textOf(outputs));
      assert.ok(read.every((one) => one.type !== "stream" || one.text.isWellFormed()));
      assert.equal(position, log.next);
    }),
  );
});

Deno.test("a page ends before an output that does not fit, and always has at least one", () => {
  const log = new OutputLog();
  log.append(display("x".repeat(100)));
  log.append(display("y".repeat(100)));
  const first = log.read(0, 10);
  assert.deepEqual([textOf(first.outputs), first.more], [`(${"x".repeat(100)})`, true]);
  const second = log.read(first.next, 10);
  assert.deepEqual([textOf(second.outputs), second.more], [`(${"y".repeat(100)})`, false]);
});

Deno.test("a position beyond the end, or before output that was dropped, is not an error", () => {
  const log = new OutputLog();
  log.append(stream("abc"));
  assert.deepEqual(log.read(99, 10), { outputs: [], next: 3, more: false, cleared: false });
  log.drop();
  assert.deepEqual(log.read(0, 10), { outputs: [], next: 3, more: false, cleared: false });
  assert.equal(log.bytes, 0);
});

Deno.test("positions continue after the cell clears its output, and the page says so", () => {
  const log = new OutputLog();
  log.append(stream("step 1"));
  log.append(display("kept"));
  const before = log.next;
  log.clearPrinted();
  log.append(stream("step 2"));
  const page = log.read(before - 1, 100);
  assert.equal(textOf(page.outputs), "(kept)step 2");
  assert.equal(page.cleared, true);
  assert.equal(log.read(before, 100).cleared, false);
  assert.equal(log.read(0, 100).cleared, false);
});

Deno.test("text printed after a clear does not continue an output from before it", () => {
  const log = new OutputLog();
  log.append({ type: "stream", name: "stdout", text: "late", late: true });
  log.append(stream("gone"));
  log.clearPrinted();
  log.append({ type: "stream", name: "stdout", text: "more", late: true });
  const { outputs, next } = log.read(4, 100);
  assert.deepEqual([textOf(outputs), next], ["more", 12]);
});

Deno.test("the log counts what it keeps in bytes of UTF-8", () => {
  const log = new OutputLog();
  log.append(stream("é漢"));
  log.append(display("ab"));
  assert.equal(log.bytes, 7);
  log.clearPrinted();
  assert.equal(log.bytes, 2);
});
