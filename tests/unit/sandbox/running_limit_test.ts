import assert from "node:assert/strict";
import { MAX_RUNNING_EXECUTIONS } from "../../../src/sandbox/executions/execution_spec.ts";
import { withManager } from "../../fixtures/fake_manager.ts";
import { OK_RESULT } from "../../fixtures/fake_runtime.ts";

const CELL = { timeoutMs: 30_000, outputBytes: 1000 };

Deno.test("as many cells wait for a kernel as executions may run in a sandbox", async () => {
  await withManager(async (manager, runtime) => {
    const sandbox = await manager.create();
    const go = Promise.withResolvers<void>();
    runtime.reply = async () => {
      await go.promise;
      return { result: OK_RESULT };
    };
    const cells = Array.from({ length: MAX_RUNNING_EXECUTIONS }, () =>
      sandbox.executions.start({
        owner: "local",
        tool: "execute_python_code",
        source: "1",
        timeoutMs: 60_000,
        usesKernel: true,
        work: async (run) => {
          const outcome = await sandbox.execute("1", { ...CELL, onStarted: () => run.started() });
          return { kind: "cell", outcome };
        },
      }));
    assert.throws(() =>
      sandbox.executions.start({
        owner: "local",
        tool: "test",
        source: "",
        timeoutMs: 1,
        work: () => Promise.reject(new Error()),
      }), {
      code: "sandbox_busy",
      message: `${MAX_RUNNING_EXECUTIONS} executions of sandbox ${sandbox.id} already run or wait`,
    });
    go.resolve();
    await Promise.all(cells.map(({ settled }) => settled));
    assert.deepEqual([...new Set(cells.map(({ state }) => state))], ["ok"]);
  });
});
