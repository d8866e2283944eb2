import assert from "node:assert/strict";
import { GUEST_MODULES } from "../../../../src/guest/mod.ts";
import { Sandbox } from "./sandbox.ts";

/** `forge(**more)` reports to the agent on the kernel's own socket that the running cell is done. */
const FORGE = [
  "import json, os, threading, time, sys",
  "frames = sys._current_frames",
  "def say(**message):",
  "    body = json.dumps(message).encode()",
  "    os.write(200, len(body).to_bytes(4, 'big') + body)",
  "def kernel():",
  "    import gc",
  "    return next(thing for thing in gc.get_objects() if type(thing).__name__ == 'Kernel')",
  "def forge(**more):",
  "    number = kernel()._number",
  "    say(type='execute_result', execution=number, data={'text/plain': 'FORGED'}, metadata={})",
  "    say(**{'type': 'done', 'execution': number, 'ok': True, 'execution_count': 7, 'skipped': 0, 'threads': 0, 'tasks': False, **more})",
].join("\n");

Deno.test("the agent accepts a kernel's report that a cell is done only when the main thread waits for the next cell", async (t) => {
  await using sandbox = await Sandbox.start();
  await sandbox.state("idle");
  const attacks = {
    "and the cell keeps computing": "forge()\nwhile True: pass",
    "and the cell sleeps": "forge()\ntime.sleep(60)",
    "from a thread": "threading.Thread(target=forge).start()\nwhile True: time.sleep(0.001)",
    "and the cell waits in another call on the same socket": "forge()\nos.read(200, 1)",
    "and the cell waits in the same call on another socket":
      "import socket\nforge()\nsocket.socketpair()[0].recvmsg(1)",
    "and another socket has taken the number":
      "import socket\ns = socket.socket(fileno=os.dup(200)); a, b = socket.socketpair(); os.dup2(b.fileno(), 200)\ndef say(**message):\n    body = json.dumps(message).encode()\n    s.sendall(len(body).to_bytes(4, 'big') + body)\nforge()\nsocket.socket(fileno=200).recvmsg(1)",
    "with tasks that are to continue": "forge(tasks=True)\nwhile True: pass",
    "and the process hides": "import ctypes\nctypes.CDLL(None).prctl(4, 0)\nforge()\ntime.sleep(60)",
    "by a child": "if os.fork() == 0:\n    forge()\n    os._exit(0)\ntime.sleep(60)",
    "again and again": "forge()\nwhile True:\n    try: forge()\n    except OSError: pass",
    "a little before the true end": "forge()\ntime.sleep(0.3)\n'TRUE'",
  };
  for (const [name, attack] of Object.entries(attacks)) {
    await t.step(name, async () => {
      await sandbox.cell(FORGE);
      if (name === "by a child") {
        // Python closes the socket in its own forks; forks by libc keep it.
        await sandbox.cell("import ctypes; os.fork = ctypes.CDLL(None).fork");
      }
      const cell = await sandbox.cell(attack);
      assert.deepEqual([cell.result.status, cell.result.kernel], ["kernel_died", "restarted"]);
      assert.equal(cell.result.forged, true);
      assert.equal(cell.result.executionCount, 0);
      assert.match(cell.error?.evalue ?? "", /done/);
      const next = await sandbox.cell("'own'");
      assert.deepEqual([next.result.status, next.value, next.result.executionCount], ["ok", "'own'", 1]);
      assert.equal(next.result.forged, false);
    });
  }

  await t.step("messages of an earlier cell do not count for a later one", async () => {
    await sandbox.cell(FORGE);
    const later = [
      "number = kernel()._number",
      "def late():",
      "    while kernel()._number == number: time.sleep(0.01)",
      "    say(type='execute_result', execution=number, data={'text/plain': 'FORGED'}, metadata={})",
      "    say(type='done', execution=number, ok=False, execution_count=99, skipped=0, threads=0, tasks=False)",
      "threading.Thread(target=late).start()",
    ];
    assert.equal((await sandbox.cell(later.join("\n"))).result.status, "ok");
    const next = await sandbox.cell("time.sleep(0.3)\n'own'");
    assert.deepEqual([next.result.status, next.value], ["ok", "'own'"]);
    assert.notEqual(next.result.executionCount, 99);
  });

  await t.step("threads that hold the interpreter's lock do not get an honest kernel replaced", async () => {
    await sandbox.cell([
      "import threading",
      "def spin():",
      "    while running: sum(range(1000))",
      "running = True; kept = 5",
      "for _ in range(10): threading.Thread(target=spin, daemon=True).start()",
    ].join("\n"));
    for (let n = 0; n < 10; n += 1) assert.equal((await sandbox.cell("kept")).value, "5");
    assert.equal((await sandbox.cell("running = False; kept")).value, "5");
  });
});

Deno.test("a flood on the kernel's socket does not keep the agent from other work", async (t) => {
  await using sandbox = await Sandbox.start();
  await sandbox.state("idle");
  const floods = {
    "displays without reading the acknowledgements":
      "while True: say(type='display_data', execution=number, data={'text/plain': ''}, metadata={})",
    "messages of an earlier cell": "while True: say(type='done', execution=number - 1)",
    "cleared output": "while True: say(type='clear_output', execution=number, wait=True)",
    "errors": "while True: say(type='error', execution=number, ename='', evalue='', traceback='')",
    "reports of settled tasks": "while True: say(type='settled', execution=number, tasks=0)",
    "empty objects": "while True: os.write(200, b'\\0\\0\\0\\2{}' * 5000)",
  };
  for (const [name, flood] of Object.entries(floods)) {
    await t.step(name, async () => {
      await sandbox.cell(FORGE);
      const cell = sandbox.cell(`number = kernel()._number\n${flood}`, { timeout_ms: 2000 });
      const waits: number[] = [];
      for (let n = 0; n < 10; n += 1) {
        const began = performance.now();
        await sandbox.call("status");
        waits.push(performance.now() - began);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      // The agent's slowest turn: without a bound it takes as long as the flood.
      assert.ok(Math.max(...waits) < 1000, waits.join());
      assert.notEqual((await cell).result.status, "ok");
      assert.equal((await sandbox.cell("1 + 1")).value, "2");
    });
  }
});

Deno.test("if /proc hides the system call, a main thread that keeps sleeping counts as waiting", async (t) => {
  const module = (GUEST_MODULES["kernel_manager.main_thread"] ?? "").replace('"syscall"', '"not_there"');
  assert.match(module, /not_there/);
  await using sandbox = await Sandbox.start({ modules: { "kernel_manager.main_thread": module } });
  await sandbox.state("idle");
  await t.step("reports of honest cells are accepted", async () => {
    for (let n = 0; n < 20; n += 1) assert.equal((await sandbox.cell(`${n}`)).value, `${n}`);
    const over = await sandbox.cell("kept = 1\nwhile True: pass", { timeout_ms: 500 });
    assert.deepEqual([over.result.status, over.result.kernel], ["timeout", "kept"]);
  });
  for (const rest of ["while True: pass", "while True: time.sleep(0.001)", "while True: sum(range(100))"]) {
    await t.step(`a thread that keeps running does not count: ${rest}`, async () => {
      await sandbox.cell(FORGE);
      const cell = await sandbox.cell(`forge()\n${rest}`, { timeout_ms: 10_000 });
      assert.deepEqual([cell.result.status, cell.result.forged], ["kernel_died", true]);
    });
  }
});
