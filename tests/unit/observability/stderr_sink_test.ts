import assert from "node:assert/strict";
import type { LogRecord } from "@logtape/logtape";
import { stderrSink } from "../../../src/observability/stderr_sink.ts";

const RECORD: LogRecord = {
  category: ["omcp"],
  level: "info",
  message: ["x"],
  rawMessage: "x",
  timestamp: 0,
  properties: {},
};
const LINE_BYTES = 1024 * 1024;

Deno.test("stderrSink() keeps 4 MiB while nobody reads, and then reports how many lines it lost", async () => {
  const reads = Promise.withResolvers<void>();
  const written: string[] = [];
  const decoder = new TextDecoder();
  const stream = new WritableStream<Uint8Array>({
    write: async (line) => {
      await reads.promise;
      written.push(decoder.decode(line));
    },
  });
  const sink = stderrSink(stream, () => `${"x".repeat(LINE_BYTES - 1)}\n`);
  for (let count = 0; count < 7; count += 1) sink(RECORD);
  reads.resolve();
  await sink[Symbol.asyncDispose]();
  const lines = written.filter((line) => line.length === LINE_BYTES);
  const [lost] = written.filter((line) => line.length !== LINE_BYTES);
  assert.equal(lines.length, 4);
  assert.equal(JSON.parse(lost ?? "{}").message, "Lost 3 lines: nobody read stderr");
});

Deno.test("stderrSink() drops lines when stderr is closed", async () => {
  const stream = new WritableStream<Uint8Array>({
    write: () => Promise.reject(new Deno.errors.BrokenPipe()),
  });
  const sink = stderrSink(stream, () => "x\n");
  sink(RECORD);
  sink(RECORD);
  await sink[Symbol.asyncDispose]();
  sink(RECORD);
});

Deno.test("stderrSink() does not wait for a reader that never comes", async () => {
  const stream = new WritableStream<Uint8Array>({ write: () => new Promise(() => {}) });
  const sink = stderrSink(stream, () => "x\n");
  sink(RECORD);
  await sink[Symbol.asyncDispose]();
});
