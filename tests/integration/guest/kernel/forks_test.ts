import assert from "node:assert/strict";
import { Sandbox } from "./sandbox.ts";

const TOOLS = "import asyncio, ctypes, os, signal, subprocess, threading, time\nlibc = ctypes.CDLL(None)\n";
const READ = "while os.read(200, 1000): pass";

/** Cells that fork without Python's os.fork(); most of the child processes have the kernel's socket. */
const FORKS: Record<string, string> = {
  "reaches the cell's end": "if libc.fork() == 0: time.sleep(0.3)",
  "raises": "if libc.fork() == 0: raise ValueError",
  "keeps running": "if libc.fork() == 0:\n    while True: time.sleep(1)",
  "reads the socket": `if libc.fork() == 0:\n    ${READ}`,
  "reads the socket and hides": `if libc.fork() == 0:\n    libc.prctl(4, 0)\n    ${READ}`,
  "was forked by a bare system call": `if libc.syscall(56, 17, 0, 0, 0, 0) == 0:\n    ${READ}`,
  "was forked by a thread":
    `def f():\n    if libc.fork() == 0:\n        ${READ}\nt = threading.Thread(target=f); t.start(); t.join()`,
  "was forked by a task": "async def f():\n    libc.fork()\nasyncio.create_task(f())",
  "was forked by a task between two cells":
    "async def f():\n    await asyncio.sleep(0.05)\n    libc.fork()\ntask = asyncio.create_task(f())",
  "was forked by a signal's handler, in the very call that waits for the next cell":
    "signal.signal(signal.SIGALRM, lambda *_: libc.fork()); signal.setitimer(signal.ITIMER_REAL, 0.05)",
  "has become another program, and hides":
    "import sys\nopen('/tmp/w.py', 'w').write('import ctypes, os\\nctypes.CDLL(None).prctl(4, 0)\\nwhile os.read(201, 1000): pass')\nif libc.fork() == 0:\n    os.dup2(200, 201, inheritable=True); os.execv(sys.executable, ['python3', '/tmp/w.py'])\ntime.sleep(0.5)",
  "was given the socket":
    "p = subprocess.Popen(['python3', '-c', 'import os\\nwhile os.read(200, 1000): pass'], pass_fds=[200])",
};

Deno.test("no other process reads the kernel's next message", async (t) => {
  await using sandbox = await Sandbox.start();
  await sandbox.state("idle");
  for (const [name, code] of Object.entries(FORKS)) {
    await t.step(`a process that ${name}`, async () => {
      const kernel = (await sandbox.cell("import os; kept = os.getpid(); kept")).value;
      assert.equal((await sandbox.cell(TOOLS + code)).result.status, "ok");
      await new Promise((resolve) => setTimeout(resolve, 200));
      for (let n = 0; n < 3; n += 1) {
        const cell = await sandbox.cell(`os.getpid() == kept, ${n}`, { timeout_ms: 3000 });
        assert.deepEqual([cell.result.status, cell.value], ["ok", `(True, ${n})`]);
      }
      assert.equal((await sandbox.cell("kept")).value, kernel);
    });
  }

  await t.step("a process that a cell forks with os.fork() keeps running", async () => {
    await sandbox.cell(
      TOOLS +
        "import multiprocessing\npool = multiprocessing.get_context('fork').Pool(2)\npid = os.fork()\nif pid == 0:\n    libc.prctl(15, b'x')\n    time.sleep(60)\np = subprocess.Popen(['sleep', '60'])",
    );
    await sandbox.cell("1");
    const cell = await sandbox.cell("os.waitpid(pid, os.WNOHANG), p.poll(), pool.map(abs, [-3])");
    assert.equal(cell.value, "((0, 0), None, [3])");
    await sandbox.cell("os.kill(pid, 9); os.waitpid(pid, 0); p.kill(); p.wait(); pool.terminate()");
  });

  await t.step(
    "a process forked with os.fork() keeps running, however late it gets a processor",
    async () => {
      // The handler runs in the child before Python's own part of the fork.
      await sandbox.cell(
        TOOLS +
          "late = ctypes.CFUNCTYPE(None)(lambda: time.sleep(0.15))\nlibc.__register_atfork(None, None, late, None)\npid = os.fork()\nif pid == 0:\n    time.sleep(60)",
      );
      const cell = await sandbox.cell("os.waitpid(pid, os.WNOHANG)");
      assert.equal(cell.value, "(0, 0)");
      await sandbox.cell("os.kill(pid, 9); os.waitpid(pid, 0)");
    },
  );
});
