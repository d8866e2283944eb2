import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as z from "zod";
import { withManager } from "../../../fixtures/fake_manager.ts";
import { OK_RESULT } from "../../../fixtures/fake_runtime.ts";

const CELLS = 5000;
/** Less than any object takes, and more than the heap varies by, per cell. */
const BYTES_PER_CELL_MAX = 100;

Deno.test("a cell leaves nothing in its sandbox's queue", async () => {
  setFlagsFromString("--expose-gc");
  const collect = z.function({ input: [], output: z.void() }).implement(runInNewContext("gc"));
  await withManager(async (manager, runtime) => {
    runtime.reply = () => ({ result: OK_RESULT });
    const sandbox = await manager.create();
    async function heapAfterCells(): Promise<number> {
      for (let n = 0; n < CELLS; n += 1) await sandbox.execute("1", { timeoutMs: 30_000, outputBytes: 1000 });
      collect();
      return Deno.memoryUsage().heapUsed;
    }
    const before = await heapAfterCells();
    const growth = (await heapAfterCells() - before) / CELLS;
    assert.ok(growth < BYTES_PER_CELL_MAX, `${growth.toFixed(0)} bytes a cell`);
  });
});
