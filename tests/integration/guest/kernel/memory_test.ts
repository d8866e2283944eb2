import assert from "node:assert/strict";
import * as z from "zod";
import { Sandbox } from "./sandbox.ts";

/** Simulates a host without Landlock, where a process can lower its own oom_score_adj. */
const NO_LANDLOCK = {
  "kernel.landlock": "def bounds_signals(): return False\ndef restrict(): return 0\n",
};
const LOWERS =
  "import os, time\ntry: os.write(os.open('/proc/self/oom_score_adj', os.O_WRONLY), b'0')\nexcept OSError as error: print(error.errno)\n";
const TAKES_ALL = "x = []\nwhile True: x.append(bytearray(b'x') * 10_000_000)";

for (const landlock of [true, false]) {
  const where = landlock ? "with Landlock" : "without Landlock";
  Deno.test(`when memory runs out, Linux kills the process that took it, ${where}`, async (t) => {
    await using sandbox = await Sandbox.start(landlock ? {} : { modules: NO_LANDLOCK });
    await sandbox.state("idle");
    await sandbox.cell("open('/workspace/kept', 'w').write('kept')");

    await t.step("a process that tries to lower its oom_score_adj", async () => {
      const cell = await sandbox.cell(LOWERS + TAKES_ALL);
      assert.equal(cell.stdout, landlock ? "13\n" : "");
      assert.deepEqual([cell.result.status, cell.result.kernel], ["kernel_died", "restarted"]);
      assert.deepEqual(cell.result.died, { signal: "SIGKILL", exitCode: null, oom: true });
    });

    await t.step("eight of its children", async () => {
      const children =
        `${LOWERS}children = []\nfor _ in range(8):\n    pid = os.fork()\n    if pid == 0:\n        x = bytearray(b'x') * (200 << 20); time.sleep(3); os._exit(0)\n    children.append(pid)\n-9 in [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]`;
      const cell = await sandbox.cell(children);
      assert.deepEqual([cell.result.status, cell.value], ["ok", "True"]);
      assert.ok(cell.result.oomKills > 0);
      assert.equal((await sandbox.cell("1")).result.oomKills, 0);
    });

    await t.step("a kernel between two cells, which the next execution reports", async () => {
      const code =
        "import threading, time\ndef later():\n    time.sleep(0.3); x = []\n    while True: x.append(bytearray(b'x') * 10_000_000)\nthreading.Thread(target=later).start(); os.getpid()";
      await untilGone(sandbox, (await sandbox.cell(LOWERS + code)).value);
      assert.equal((await sandbox.cell("1", { silent: true })).result.lost, null);
      const next = await sandbox.cell("'threading' in globals(), open('/workspace/kept').read()");
      assert.equal(next.value, "(False, 'kept')");
      assert.deepEqual(next.result.lost, { signal: "SIGKILL", exitCode: null, oom: true });
      assert.equal((await sandbox.cell("1")).result.lost, null);
    });

    await t.step("a kernel that ends for another reason between two cells is reported, too", async () => {
      const kernel = await sandbox.cell(
        "import os, threading; threading.Timer(0.2, os._exit, [3]).start(); os.getpid()",
      );
      await untilGone(sandbox, kernel.value);
      const next = await sandbox.cell("1");
      assert.deepEqual(next.result.lost, { signal: null, exitCode: 3, oom: false });
      await sandbox.cell("x = 1");
      await sandbox.call("restart");
      assert.equal((await sandbox.cell("1")).result.lost, null);
    });

    await t.step("a cell that waits forever for a killed process", async () => {
      const cell = await sandbox.cell(
        `${LOWERS}import multiprocessing\ndef f(n):\n    x = bytearray(b'x') * (500 << 20); time.sleep(30)\nwith multiprocessing.get_context('fork').Pool(4) as pool: pool.map(f, range(4))`,
      );
      assert.deepEqual([cell.result.status, cell.result.kernel], ["kernel_died", "restarted"]);
      assert.deepEqual(cell.result.died, { signal: null, exitCode: null, oom: true });
      assert.match(cell.error?.evalue ?? "", /waited for a process that the memory limit had ended/);
    });

    await t.step("a cell that waits for something else, or computes, is not ended", async () => {
      const cell = await sandbox.cell(
        `${LOWERS}import subprocess, sys\nr = subprocess.run([sys.executable, '-c', 'x = b"x" * (2 << 30)']).returncode\ntime.sleep(5); until = time.monotonic() + 2\nwhile time.monotonic() < until: pass\nr`,
      );
      assert.deepEqual([cell.result.status, cell.value], ["ok", "-9"]);
    });
  });
}

/** Waits until a process has ended, 60 s at most. */
async function untilGone(sandbox: Sandbox, pid: string | undefined): Promise<void> {
  const shape = z.object({ processes: z.record(z.string(), z.string()) });
  for (let n = 0; n < 300; n += 1) {
    const { processes } = shape.parse((await sandbox.call("processes"))["result"]);
    if (!(String(pid) in processes)) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`process ${pid} is still running`);
}
