import assert from "node:assert/strict";
import { Sandbox } from "./sandbox.ts";

async function started(): Promise<Sandbox> {
  const sandbox = await Sandbox.start();
  await sandbox.state("idle");
  return sandbox;
}

Deno.test("processes that a cell leaves running belong to the kernel", async (t) => {
  await using sandbox = await started();

  await t.step("a background process outlives its cell's deadline and is reported once", async () => {
    const cell = await sandbox.cell(
      "import subprocess, time\np = subprocess.Popen('sleep 0.2; echo between; sleep 1.5; echo within; exec sleep 60', shell=True)",
      { timeout_ms: 500 },
    );
    // The shell, and its sleep if that has started.
    assert(cell.result.backgroundProcesses >= 1);
    await new Promise((resolve) => setTimeout(resolve, 900));
    const next = await sandbox.cell("time.sleep(1.2); print(p.poll())");
    assert.equal(next.stdout, "between\nwithin\nNone\n");
    assert.deepEqual(next.events.filter(({ late }) => late === true).map(({ text }) => text), ["between\n"]);
    assert.equal(next.result.backgroundProcesses, 0);
    assert.deepEqual((await sandbox.call("status"))["result"], {
      execution_state: "idle",
      background_processes: 1,
    });
    await sandbox.cell("p.kill(); p.wait()");
    assert.deepEqual((await sandbox.call("status"))["result"], {
      execution_state: "idle",
      background_processes: 0,
    });
  });

  await t.step("text printed between cells is shown with the next ordinary cell", async () => {
    await sandbox.cell("import threading, time\nthreading.Timer(0.2, print, ['LATE']).start()");
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal((await sandbox.cell("pass", { silent: true })).stdout, "");
    const next = await sandbox.cell("print('mine')");
    assert.deepEqual(
      next.events.filter(({ type }) => type === "stream").map(({ text, late }) => [text, late]),
      [["LATE\n", true], ["mine\n", undefined]],
    );
  });

  await t.step(
    "thread pools, process pools and listeners of an earlier cell print into the cell that uses them",
    async () => {
      const made = await sandbox.cell([
        "import asyncio, logging, logging.handlers, multiprocessing, os, queue, sys",
        "from concurrent.futures import ThreadPoolExecutor",
        "threads = ThreadPoolExecutor(1); threads.submit(int).result()",
        "processes = multiprocessing.get_context('fork').Pool(2)",
        "messages = queue.Queue(); log = logging.getLogger('queued'); log.addHandler(logging.handlers.QueueHandler(messages))",
        "listener = logging.handlers.QueueListener(messages, logging.StreamHandler(sys.stdout)); listener.start()",
        "await asyncio.to_thread(int)",
      ].join("\n"));
      assert.equal(made.result.backgroundProcesses, 2);
      assert.equal(made.result.backgroundThreads, 2);
      const used = await sandbox.cell([
        "threads.submit(print, 'a thread').result()",
        "processes.apply(os.system, ['echo a process'])",
        "log.warning('a listener'); messages.join()",
        "await asyncio.to_thread(print, 'to_thread')",
      ].join("\n"));
      assert.deepEqual(used.stdout.split("\n").toSorted(), [
        "",
        "a listener",
        "a process",
        "a thread",
        "to_thread",
      ]);
      assert.deepEqual([used.result.backgroundProcesses, used.result.backgroundThreads], [0, 0]);
      await sandbox.cell("processes.terminate(); processes.join(); threads.shutdown()");
    },
  );

  await t.step("the second %%bash prints too", async () => {
    assert.equal((await sandbox.cell("%%bash\necho one")).stdout, "one\n");
    assert.equal((await sandbox.cell("%%bash\necho two; echo error >&2")).stdout, "two\n");
  });

  await t.step("a cell that overruns loses its own processes, but not those of earlier cells", async () => {
    await sandbox.cell("old = subprocess.Popen(['sleep', '60'], start_new_session=True)");
    const over = await sandbox.cell(
      "new = subprocess.Popen(['sleep', '60'], start_new_session=True)\nwhile True: pass",
      { timeout_ms: 500 },
    );
    assert.equal(over.result.status, "timeout");
    assert.equal((await sandbox.cell("time.sleep(0.1); old.poll(), new.poll()")).value, "(None, -9)");
    await sandbox.cell("old.kill(); old.wait()");
  });

  await t.step("an interrupt reaches the cell's processes, but not workers of earlier cells", async () => {
    await sandbox.cell([
      "import multiprocessing, os, subprocess, threading, time",
      "plain = subprocess.Popen(['sleep', '60'])",
      "pool = multiprocessing.get_context('fork').Pool(2)",
      "before = pool.map(abs, [1]), sorted(p.pid for p in multiprocessing.active_children())",
      // Started between two cells: it belongs to neither.
      "threading.Timer(0.3, lambda: globals().update(thread_made=subprocess.Popen(['sleep', '60']))).start()",
    ].join("\n"));
    await new Promise((resolve) => setTimeout(resolve, 700));
    for (
      const code of [
        "while True: pass",
        "subprocess.run(['sleep', '60'])",
        "own = subprocess.Popen(['sleep', '60'])\nown.wait()",
      ]
    ) {
      assert.equal((await sandbox.cell(code, { timeout_ms: 400 })).result.status, "timeout");
    }
    // Any exit code will do: Python loses it if the interrupt arrives between the end of wait() and its result.
    const after = await sandbox.cell(
      "time.sleep(0.1); plain.poll(), thread_made.poll(), own.poll() is not None, (pool.map(abs, [1]), sorted(p.pid for p in multiprocessing.active_children())) == before",
    );
    assert.equal(after.value, "(None, None, True, True)");
    await sandbox.cell("pool.terminate(); pool.join(); [p.kill() or p.wait() for p in (plain, thread_made)]");
  });

  await t.step(
    "a silent execution leaves the report, and text printed meanwhile, to the next ordinary one",
    async () => {
      await sandbox.cell([
        "def later():",
        "    global p, waiting",
        "    p = subprocess.Popen(['sleep', '60'])",
        "    waiting = threading.Thread(target=time.sleep, args=(60,)); waiting.start()",
        "    time.sleep(0.6); print('meanwhile')",
        "threading.Timer(0.2, later).start()",
      ].join("\n"));
      await new Promise((resolve) => setTimeout(resolve, 500));
      const internal = await sandbox.cell("import time; time.sleep(0.7)", { silent: true });
      assert.deepEqual([
        internal.result.backgroundProcesses,
        internal.result.backgroundThreads,
        internal.stdout,
      ], [0, 0, ""]);
      const next = await sandbox.cell("print('mine')");
      assert.deepEqual([next.result.backgroundProcesses, next.result.backgroundThreads], [1, 1]);
      assert.deepEqual(
        next.events.filter(({ type }) => type === "stream").map(({ text, late }) => [text, late]),
        [["meanwhile\n", true], ["mine\n", undefined]],
      );
      await sandbox.cell("p.kill(); p.wait()");
    },
  );

  await t.step("asyncio tasks continue between cells, and displays between cells are text", async () => {
    const ticks =
      "import asyncio\nasync def tick():\n    for n in range(5):\n        print(n); await asyncio.sleep(0.1)\n    display('shown')\ntask = asyncio.create_task(tick())";
    assert.equal((await sandbox.cell(ticks)).stdout, "0\n");
    await new Promise((resolve) => setTimeout(resolve, 900));
    const next = await sandbox.cell("task.done()");
    assert.equal(next.value, "True");
    assert.equal(next.stdout, "1\n2\n3\n4\n'shown'\n");
    // A task that does not yield prevents the next cell, but no later one.
    const blocks =
      "import asyncio\nasync def block():\n    await asyncio.sleep(0.1)\n    while True: pass\nblocked = asyncio.create_task(block()); kept = 7";
    assert.equal((await sandbox.cell(blocks)).result.status, "ok");
    await new Promise((resolve) => setTimeout(resolve, 300));
    const waits = await sandbox.cell("ran = True", { timeout_ms: 500 });
    assert.deepEqual([waits.result.status, waits.result.kernel], ["timeout", "kept"]);
    assert.match(waits.error?.evalue ?? "", /task of an earlier cell/);
    assert.equal((await sandbox.cell("kept, 'ran' in globals()")).value, "(7, False)");
  });

  await t.step("characters stay whole when other processes print between their bytes", async () => {
    await sandbox.cell(
      "p = subprocess.Popen(['sh', '-c', r\"sleep 0.3; printf '\\344\\275'; sleep 0.4; printf '\\240\\n'\"])",
    );
    const cell = await sandbox.cell(
      "os.write(1, b'\\xc3'); time.sleep(0.5); os.write(1, b'\\xa9\\n'); time.sleep(0.5); p.wait()",
    );
    assert.deepEqual(cell.stdout.split("\n").toSorted(), ["", "é", "你"]);
    await sandbox.cell("threading.Timer(0.2, lambda: print('x' + 'é' * 40000)).start()");
    await new Promise((resolve) => setTimeout(resolve, 700));
    const late = (await sandbox.cell("pass")).events.filter((event) => event["late"] === true);
    assert.match(String(late[0]?.["text"]), /^xé+$/);
    assert.match(String(late[1]?.["text"]), /^é+\n$/);
    const shown = late.map((event) => new TextEncoder().encode(String(event["text"])).length);
    assert.equal((shown[0] ?? 0) + Number(late[1]?.["skipped"]) + (shown[1] ?? 0), 80_002);
  });

  await t.step("a flood from a background process does not stop cells", async () => {
    await sandbox.cell("import subprocess\np = subprocess.Popen('yes')", { timeout_ms: 3000 });
    const next = await sandbox.cell("print('mine')");
    assert.match(next.stdout, /(?:^|\n)mine\n/);
    assert.equal(next.result.backgroundProcesses, 0);
    await sandbox.cell("p.kill(); p.wait()");
    // Its output is shown once, with the next cell.
    await sandbox.cell("pass");
  });

  await t.step("a child that a cell forks does not become a second kernel", async () => {
    const cell = await sandbox.cell(
      "import os\nprint('once', end='')\npid = os.fork()\nif pid: os.waitpid(pid, 0)",
    );
    assert.equal(cell.stdout, "once");
    assert.equal((await sandbox.cell("'here'")).value, "'here'");
  });

  await t.step("zombies are reaped", async () => {
    const cell = await sandbox.cell([
      "import os, subprocess",
      "known = subprocess.Popen(['sh', '-c', 'exit 7'])",
      "made = 0",
      "for _ in range(10000):",
      "    try:",
      "        if os.fork() == 0: os._exit(0)",
      "        made += 1",
      "    except OSError: break",
      "made > 16",
    ].join("\n"));
    assert.equal(cell.value, "True");
    assert.equal((await sandbox.cell("subprocess.run(['true']).returncode, known.wait()")).value, "(0, 7)");
  });
});
