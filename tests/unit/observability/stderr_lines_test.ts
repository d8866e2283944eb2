import assert from "node:assert/strict";
import { StderrLines } from "../../../src/observability/stderr_lines.ts";

const LINE_BYTES = 1024 * 1024;

/** A stderr whose reader begins to read later. */
function slowStream(): { stream: WritableStream<Uint8Array>; written: string[]; read: () => void } {
  const reads = Promise.withResolvers<void>();
  const written: string[] = [];
  const decoder = new TextDecoder();
  const stream = new WritableStream<Uint8Array>({
    write: async (lines) => {
      await reads.promise;
      written.push(decoder.decode(lines));
    },
  });
  return { stream, written, read: reads.resolve };
}

Deno.test("StderrLines keeps 4 MiB while nobody reads, and then reports how many lines it lost", async () => {
  const { stream, written, read } = slowStream();
  const stderr = new StderrLines(stream);
  for (let count = 0; count < 7; count += 1) stderr.write(`${"x".repeat(LINE_BYTES - 1)}\n`);
  read();
  await stderr[Symbol.asyncDispose]();
  const lines = written.filter((line) => line.length === LINE_BYTES);
  const [lost] = written.filter((line) => line.length !== LINE_BYTES);
  assert.equal(lines.length, 4);
  assert.equal(JSON.parse(lost ?? "{}").message, "Lost 3 lines: nobody read stderr");
});

Deno.test("StderrLines writes thousands of lines that wait in order, and many in one write", async () => {
  const { stream, written, read } = slowStream();
  const stderr = new StderrLines(stream);
  const lines = Array.from({ length: 20_000 }, (_, at) => `${at} ${"é".repeat(at % 50)}\n`);
  for (const line of lines) stderr.write(line);
  read();
  await stderr[Symbol.asyncDispose]();
  assert.equal(written.join(""), lines.join(""));
  assert.ok(written.length < 50, `${written.length} writes`);
});

Deno.test("StderrLines fills a block that was written again, without harm to lines that come meanwhile", async () => {
  const written: string[] = [];
  const stream = new WritableStream<Uint8Array>({
    write: async (lines) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      written.push(new TextDecoder().decode(lines));
    },
  });
  const stderr = new StderrLines(stream);
  const lines = Array.from({ length: 60 }, (_, at) => `${at} ${"x".repeat(at * 100)}\n`);
  for (const line of lines) {
    stderr.write(line);
    if (Math.random() < 0.3) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await stderr[Symbol.asyncDispose]();
  assert.equal(written.join(""), lines.join(""));
});

Deno.test("StderrLines drops lines when stderr is closed", async () => {
  const stream = new WritableStream<Uint8Array>({
    write: () => Promise.reject(new Deno.errors.BrokenPipe()),
  });
  const stderr = new StderrLines(stream);
  stderr.write("x\n");
  stderr.write("x\n");
  await stderr[Symbol.asyncDispose]();
  stderr.write("x\n");
});

Deno.test("StderrLines does not wait for a reader that never comes", async () => {
  const stream = new WritableStream<Uint8Array>({ write: () => new Promise(() => {}) });
  const stderr = new StderrLines(stream);
  stderr.write("x\n");
  await stderr[Symbol.asyncDispose]();
});
