import assert from "node:assert/strict";
import { OmcpError } from "../../../../src/errors.ts";
import { within } from "../../../../src/lib/async/deadline.ts";
import { Execution } from "../../../../src/sandbox/executions/execution.ts";
import type { ExecutionSpec } from "../../../../src/sandbox/executions/execution_spec.ts";
import {
  ExecutionStore,
  MAX_EXECUTIONS,
  MAX_OUTPUT_BYTES,
} from "../../../../src/sandbox/executions/store.ts";

const MIB = 1024 * 1024;
const ENDED = new OmcpError("sandbox_lost", "Sandbox sbx_1 is lost: on purpose");

function storeOf(maxRunning = 8): ExecutionStore {
  return new ExecutionStore({ sandboxId: "sbx_1", maxRunning });
}

function spec(work: ExecutionSpec["work"], changes: Partial<ExecutionSpec> = {}): ExecutionSpec {
  return { owner: "local", tool: "test", source: "first line\nsecond", timeoutMs: 60_000, work, ...changes };
}

/** Runs an execution with that much output to its end. */
async function run(store: ExecutionStore, characters = 0): Promise<Execution> {
  const execution = store.start(spec((run) => {
    if (characters > 0) run.log.append({ type: "stream", name: "stdout", text: "x".repeat(characters) });
    return Promise.resolve({ kind: "text", text: "done" });
  }));
  await execution.settled;
  return execution;
}

/** Lets work that was started begin. */
const begun = () => new Promise((resolve) => setTimeout(resolve, 0));

/** Work that ends when it is aborted, with an error of its own. */
function untilAborted({ signal }: { readonly signal: AbortSignal }): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

Deno.test("an execution keeps its result, and its error", async () => {
  const store = storeOf();
  const good = await run(store);
  assert.deepEqual([good.state, good.result], ["ok", { kind: "text", text: "done" }]);
  const bad = store.start(spec(() => Promise.reject(new OmcpError("workspace_full", "Full"))));
  await bad.settled;
  assert.deepEqual([bad.state, bad.error?.code], ["error", "workspace_full"]);
  const broken = store.start(spec(() => Promise.reject(new TypeError("secret"))));
  await broken.settled;
  assert.equal(broken.error?.code, "internal");
  assert.doesNotMatch(broken.error?.message ?? "", /secret/);
});

Deno.test("an execution ends at its timeout whether or not its work does", async () => {
  const store = storeOf();
  const heeds = store.start(spec(untilAborted, { timeoutMs: 10 }));
  const ignores = store.start(spec(() => new Promise(() => {}), { timeoutMs: 10 }));
  await Promise.all([heeds.settled, ignores.settled]);
  for (const { state, error } of [heeds, ignores]) {
    assert.deepEqual([state, error?.code], ["timeout", "timeout"]);
  }
  assert.match(ignores.error?.state ?? "", /unknown/);
});

Deno.test("an interrupt ends an execution once; afterwards it changes nothing", async () => {
  const store = storeOf();
  const execution = store.start(spec(untilAborted));
  await begun();
  assert.equal(execution.interrupt(), true);
  await execution.settled;
  assert.deepEqual([execution.state, execution.error?.code], ["interrupted", "cancelled"]);
  assert.equal(execution.interrupt(), false);
  assert.equal(execution.state, "interrupted");
  const never = store.start(spec(() => assert.fail("it was interrupted before it began")));
  never.interrupt();
  await never.settled;
  assert.equal(never.state, "interrupted");
});

Deno.test("work for the kernel is queued until it reports that it runs, and the store does not end it at its timeout", async () => {
  const store = storeOf();
  const start = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  const execution = store.start(spec(async (run) => {
    run.queued();
    await start.promise;
    run.started();
    await end.promise;
    return { kind: "text", text: "" };
  }, { usesKernel: true, timeoutMs: 1 }));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(execution.state, "queued");
  assert.equal(execution.elapsedMs, 0);
  start.resolve();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(execution.state, "running");
  end.resolve();
  await execution.settled;
  assert.equal(execution.state, "ok");
});

Deno.test(`a store keeps the output of ${MAX_EXECUTIONS} executions, and the records of a bounded number of older ones`, async () => {
  const store = storeOf();
  const first = await run(store, 10);
  const ids: string[] = [];
  for (let n = 0; n < MAX_EXECUTIONS; n += 1) ids.push((await run(store)).id);
  const record = store.find(first.id, "local");
  assert.ok(record !== undefined && !(record instanceof Execution));
  assert.deepEqual([record.state, record.source, record.outputBytes, record.dropped], [
    "ok",
    "first line",
    14,
    true,
  ]);
  assert.ok(store.find(ids[0] ?? "", "local") instanceof Execution);
  for (let n = 0; n < 1200; n += 1) await run(store);
  assert.equal(store.find(first.id, "local"), undefined);
  assert.equal(store.list().length, 1200);
});

Deno.test("a store keeps 32 MiB of output: the oldest loses its own, and says so", async () => {
  const store = storeOf();
  const executions: Execution[] = [];
  for (let n = 0; n < 5; n += 1) executions.push(await run(store, 8 * MIB));
  const kept = executions.reduce((sum, { keptBytes }) => sum + keptBytes, 0);
  assert.ok(kept <= MAX_OUTPUT_BYTES);
  // 4 × 8 MiB and four results are above the limit.
  assert.deepEqual(executions.map(({ isDropped }) => isDropped), [true, true, false, false, false]);
  assert.deepEqual(executions[0]?.log.outputs, []);
  assert.equal(executions[0]?.record().outputBytes, 8 * MIB + 4);
  assert.equal(executions[0]?.state, "ok");
});

Deno.test("a store starts no more than its maximum at once", async () => {
  const store = storeOf(2);
  const running = [store.start(spec(untilAborted)), store.start(spec(untilAborted))];
  assert.throws(() => store.start(spec(untilAborted)), { code: "sandbox_busy" });
  for (const execution of running) execution.interrupt();
  await Promise.all(running.map(({ settled }) => settled));
  assert.equal((await run(store)).state, "ok");
});

Deno.test("another principal's execution is not found", async () => {
  const store = storeOf();
  const { id } = await run(store);
  assert.equal(store.find(id, "another"), undefined);
  store.close("removed", ENDED);
  assert.equal(store.find(id, "another"), undefined);
});

Deno.test("when the sandbox ends, running executions are lost, and the records of all executions remain", async () => {
  const store = storeOf();
  const ended = await run(store, 5);
  const running = store.start(spec(untilAborted));
  const stuck = store.start(spec(() => new Promise(() => {})));
  store.close("its container ended", ENDED);
  assert.throws(() => store.start(spec(untilAborted)), { code: "sandbox_lost" });
  await running.settled;
  assert.equal(running.state, "lost");
  assert.throws(() => store.find(ended.id, "local"), {
    code: "execution_lost",
    message: /its container ended/,
    state:
      /It was test, started 2[^,]*, ok, ended [^,]*, with 9 bytes of output, which is gone; first line: "first line"/,
  });
  const records = await store.dropOutputs();
  assert.deepEqual(records.map(({ id, state }) => [id, state]), [
    [ended.id, "ok"],
    [running.id, "lost"],
    [stuck.id, "lost"],
  ]);
  assert.equal(ended.keptBytes, 0);
});

Deno.test("a source is kept to 2,000 characters; a record has the first line", async () => {
  const store = storeOf();
  const execution = store.start(spec(() => Promise.resolve({ kind: "text", text: "" }), {
    source: `${"é".repeat(300)}\n${"x".repeat(1_000_000)}`,
  }));
  await execution.settled;
  assert.equal(execution.source.length, 2000);
  assert.equal(execution.sourceLength, 1_000_301);
  assert.equal(execution.record().source, "é".repeat(200));
});

Deno.test("output in many short parts counts by the memory that it takes", async () => {
  const store = storeOf();
  const first = store.start(spec((run) => {
    for (let n = 0; n < 50_000; n += 1) {
      run.log.append({ type: "stream", name: n % 2 === 0 ? "stdout" : "stderr", text: "." });
    }
    return Promise.resolve({ kind: "text", text: "" });
  }));
  await first.settled;
  for (let n = 0; n < 3; n += 1) await run(store, 8 * MIB);
  assert.equal(first.isDropped, true);
  assert.equal(first.record().outputBytes, 50_000);
});

Deno.test("calls that a full queue refuses do not displace results", async () => {
  const store = storeOf();
  const first = await run(store, 10);
  for (let n = 0; n < MAX_EXECUTIONS + 5; n += 1) {
    const refused = store.start(
      spec(() => Promise.reject(new OmcpError("sandbox_busy", "Its queue is full"))),
    );
    await refused.settled;
  }
  assert.equal(store.find(first.id, "local"), first);
  assert.equal(first.log.bytes, 10);
});

Deno.test("a call that waits for an execution when the sandbox ends gets what the execution has printed", async () => {
  const store = storeOf();
  const execution = store.start(spec((run) => {
    run.log.append({ type: "stream", name: "stdout", text: "result" });
    return untilAborted(run);
  }));
  await begun();
  async function waits(): Promise<number> {
    await within(Promise.race([execution.settled, new Promise(() => {})]), 10_000);
    return execution.log.read(0, 100).outputs.length;
  }
  const seen = waits();
  store.close("it was removed", ENDED);
  await store.dropOutputs();
  assert.equal(await seen, 1);
  assert.deepEqual([execution.isDropped, execution.log.bytes], [true, 0]);
});
