import assert from "node:assert/strict";
import { eventually } from "../../../fixtures/eventually.ts";
import { Sandbox } from "./sandbox.ts";

Deno.test("a restart ends the running execution as interrupted, and keeps files", async (t) => {
  await using sandbox = await Sandbox.start();
  await sandbox.state("idle");

  for (
    const [name, code] of Object.entries({
      "a cell that sleeps": "import time; print('begun', flush=True); time.sleep(60)",
      "a cell that ignores SIGINT, with a child":
        "import os, signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nos.system('sleep 60 &')\nprint('begun', flush=True)\nwhile True: pass",
    })
  ) {
    await t.step(name, async () => {
      await sandbox.cell("open('/workspace/kept', 'w').write('kept'); x = 1");
      const running = sandbox.cell(code);
      await eventually(() => sandbox.printed.includes("begun"), "the cell's first output");
      assert.deepEqual((await sandbox.call("restart"))["result"], {});
      const cell = await running;
      assert.deepEqual([cell.result.status, cell.result.kernel], ["interrupted", "restarted"]);
      assert.equal(cell.result.died, null);
      assert.equal(cell.stdout, "begun\n");
      assert.ok((cell.result.peakMemoryBytes ?? 0) > 0);
      const next = await sandbox.cell("open('/workspace/kept').read(), 'x' in globals()");
      assert.deepEqual([next.value, next.result.lost], ["('kept', False)", null]);
      assert.deepEqual((await sandbox.call("status"))["result"], {
        execution_state: "idle",
        background_processes: 0,
      });
    });
  }

  await t.step("another one right after it", async () => {
    const both = await Promise.all([sandbox.call("restart"), sandbox.call("restart")]);
    assert.deepEqual(both.map(({ result }) => result), [{}, {}]);
    assert.equal((await sandbox.cell("1 + 1")).value, "2");
  });
});
