import assert from "node:assert/strict";
import { eventually } from "../../../fixtures/eventually.ts";
import { type Outcome, Sandbox } from "./sandbox.ts";

const IMPORTS = "import asyncio, ctypes, multiprocessing, os, signal, subprocess, sys, threading, time\n";
const FOREVER = "\nwhile True: time.sleep(1)";

/** What a cell prints when all that it starts is started. */
const STARTED = "all is started";

/** Runs a cell until it has started its work, and then ends it by its deadline or an interrupt. */
async function overrun(sandbox: Sandbox, work: string, way: "timeout" | "interrupt"): Promise<Outcome> {
  const code = `${IMPORTS}${work}\nprint("${STARTED}", flush=True)${FOREVER}`;
  if (way === "interrupt") {
    const cell = sandbox.cell(code);
    await eventually(() => sandbox.printed.includes(STARTED), STARTED);
    await sandbox.call("interrupt");
    return await cell;
  }
  // How long the start takes depends on how busy the machine is: until it fits, the cell has twice the time.
  for (let timeout_ms = 750;; timeout_ms *= 2) {
    const cell = await sandbox.cell(code, { timeout_ms });
    if (cell.stdout.includes(STARTED) || timeout_ms > 20_000) return cell;
  }
}

/** Cells that leave an idle pool, each with code of a later cell that uses the pool. */
const IDLE: Record<string, [string, string, string]> = {
  "nothing at all": ["x = 1", "x", "1"],
  "a ThreadPoolExecutor": [
    "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(4); list(pool.map(abs, range(8)))",
    "list(pool.map(abs, [-1]))",
    "[1]",
  ],
  "polars": [
    "import polars as pl\ndf = pl.DataFrame({'a': range(200_000)}).group_by(pl.col('a') % 7).len()",
    "df.height",
    "7",
  ],
  "duckdb": [
    "import duckdb\nconnection = duckdb.connect(config={'threads': 4}); connection.sql('select sum(a.range + b.range) from range(1000) a, range(1000) b').fetchall()",
    "connection.sql('select 1').fetchall()",
    "[(1,)]",
  ],
  "scikit-learn and BLAS": [
    "os.environ['OMP_NUM_THREADS'] = '2'\nimport numpy as np\nfrom sklearn.cluster import KMeans\nfrom threadpoolctl import threadpool_limits\nwith threadpool_limits(4): k = KMeans(3, n_init=1).fit(np.random.rand(3000, 8)); m = np.random.rand(600, 600) @ np.random.rand(600, 600)",
    "k.n_clusters",
    "3",
  ],
  "joblib's threads": [
    "from joblib import Parallel, delayed\nr = Parallel(2, prefer='threads')(delayed(abs)(n) for n in range(9))",
    "len(r)",
    "9",
  ],
  "joblib's processes": [
    "from joblib import Parallel, delayed\nr = Parallel(2)(delayed(abs)(n) for n in range(9))",
    "Parallel(2)(delayed(abs)(-n) for n in range(3))",
    "[0, 1, 2]",
  ],
  "a forest": [
    "from sklearn.ensemble import RandomForestClassifier\nimport numpy as np\nf = RandomForestClassifier(9, n_jobs=3).fit(np.random.rand(2000, 4), np.arange(2000) % 2)",
    "len(f.estimators_)",
    "9",
  ],
  "threads that wait": [
    "event = threading.Event(); t = [threading.Thread(target=event.wait, daemon=True) for _ in range(5)]\nfor one in t: one.start()",
    "event.set(); [one.join() for one in t]; len(t)",
    "5",
  ],
  "a thread that ends at once": ["threading.Thread(target=time.sleep, args=(0.01,)).start()", "7", "7"],
  "a loop in a thread": [
    "loop = asyncio.new_event_loop(); threading.Thread(target=loop.run_forever, daemon=True).start()",
    "asyncio.run_coroutine_threadsafe(asyncio.sleep(0, 8), loop).result()",
    "8",
  ],
  "a timer and tasks that end with the cell": [
    "signal.setitimer(signal.ITIMER_REAL, 1e6, 0.01); fired = []\nsignal.signal(signal.SIGALRM, lambda *_: fired.append(1))\nasync def tick():\n    while True: await asyncio.sleep(0.01)\ntask = asyncio.create_task(tick())",
    "signal.getitimer(signal.ITIMER_REAL)[0], task.cancelled()",
    "(0.0, True)",
  ],
  "children, one that ignores SIGINT": [
    "p = subprocess.Popen(['sh', '-c', 'trap \"\" INT; while :; do :; done'], start_new_session=True)",
    "p.wait()",
    "-9",
  ],
};

/** Cells that leave something running. */
const RUNNING: Record<string, string> = {
  "a thread that loops with sleep(0.05)":
    "def loop():\n    while True: time.sleep(0.05)\nthreading.Thread(target=loop, daemon=True).start()",
  "a thread that computes":
    "def loop():\n    while True: sum(range(1000))\nthreading.Thread(target=loop, daemon=True).start()",
  "a thread outside of Python":
    "import numpy as np\nbig = np.zeros(1)\nthreading.Thread(target=ctypes.CDLL(None).usleep, args=(0,)).start()\ndef loop():\n    while True: ctypes.CDLL(None).usleep(20000)\nthreading.Thread(target=loop, daemon=True).start()",
  "a pool at work":
    "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(2)\ndef work():\n    while True: time.sleep(0.1)\npool.submit(work)",
  "a timer that starts itself again": "def again():\n    threading.Timer(0.1, again).start()\nagain()",
  "a thread that starts processes":
    "def loop():\n    while True: subprocess.run(['sleep', '0.2'])\nthreading.Thread(target=loop, daemon=True).start()",
  "a Pool, which replaces its workers": "pool = multiprocessing.get_context('fork').Pool(2)",
  "a task that refuses to be cancelled":
    "async def tick():\n    while True:\n        try: await asyncio.sleep(0.05)\n        except asyncio.CancelledError: pass\ntask = asyncio.create_task(tick())\nawait asyncio.sleep(0.1)",
  "a POSIX timer that fires in a minute":
    "import struct\nlibc = ctypes.CDLL(None)\nevent = ctypes.create_string_buffer(struct.pack('=qii', 0, 10, 0), 64); timer = ctypes.c_void_p()\nlibc.timer_create(1, event, ctypes.byref(timer))\nlibc.timer_settime(timer, 0, ctypes.create_string_buffer(struct.pack('=qqqq', 60, 0, 60, 0)), None)",
  "a task that makes another when it is cancelled":
    "async def tick():\n    try: await asyncio.sleep(60)\n    except asyncio.CancelledError:\n        asyncio.ensure_future(tick())\n        raise\ntask = asyncio.create_task(tick())\nawait asyncio.sleep(0.1)",
  "a POSIX timer with a handler of its own":
    "signal.signal(signal.SIGUSR1, lambda *_: None)\nimport struct\nlibc = ctypes.CDLL(None)\nevent = ctypes.create_string_buffer(struct.pack('=qii', 0, 10, 0), 64); timer = ctypes.c_void_p()\nlibc.timer_create(1, event, ctypes.byref(timer))\nlibc.timer_settime(timer, 0, ctypes.create_string_buffer(struct.pack('=qqqq', 0, 50_000_000, 0, 50_000_000)), None)",
};

for (const way of ["timeout", "interrupt"] as const) {
  const status = way === "timeout" ? "timeout" : "interrupted";
  Deno.test(`after a cell's ${way} the kernel keeps its variables if only idle pools are left`, async (t) => {
    await using sandbox = await Sandbox.start({ dockerArguments: ["--pids-limit", "200"] });
    await sandbox.state("idle");
    for (const [name, [code, use, value]] of Object.entries(IDLE)) {
      await t.step(name, async () => {
        // Imported before: the test is about the threads that a cell starts, not about slow imports.
        const begun = await sandbox.cell(IMPORTS + (code.match(/^(?:import|from) .*$/gm) ?? []).join("\n"));
        assert.equal(begun.result.status, "ok");
        const cell = await overrun(sandbox, `kept = ${name.length}\n${code}`, way);
        assert.deepEqual(
          [cell.result.status, cell.result.kernel, cell.error?.ename],
          [status, "kept", "KeyboardInterrupt"],
        );
        assert.equal((await sandbox.cell(use)).value, value);
        assert.equal((await sandbox.cell("kept")).value, `${name.length}`);
      });
    }
  });

  Deno.test(`after a cell's ${way} nothing that it started keeps running`, async (t) => {
    await using sandbox = await Sandbox.start();
    await sandbox.state("idle");
    for (const [name, code] of Object.entries(RUNNING)) {
      await t.step(name, async () => {
        const cell = await overrun(sandbox, code, way);
        assert.deepEqual([cell.result.status, cell.result.kernel], [status, "restarted"]);
        const words = cell.events.filter(({ type }) => type === "error").map((event) =>
          String(event["evalue"])
        );
        assert.match(words.join("\n"), /The kernel was ended: .* did not stop/);
        assert.equal((await sandbox.cell("1 + 1")).value, "2");
        assert.deepEqual((await sandbox.call("status"))["result"], {
          execution_state: "idle",
          background_processes: 0,
        });
      });
    }

    await t.step("work that an earlier cell started keeps running", async () => {
      await sandbox.cell(
        IMPORTS +
          "ticks = 0\ndef loop():\n    global ticks\n    while True: ticks += 1; time.sleep(0.01)\nthreading.Thread(target=loop, daemon=True).start()\n" +
          "p = subprocess.Popen('while :; do sleep 0.01; done', shell=True)\nasync def tick():\n    while True: await asyncio.sleep(0.01)\ntask = asyncio.create_task(tick())\nsignal.signal(signal.SIGALRM, lambda *_: None); signal.setitimer(signal.ITIMER_REAL, 1e6)",
      );
      const cell = await overrun(sandbox, "pass", way);
      assert.deepEqual([cell.result.status, cell.result.kernel], [status, "kept"]);
      assert.equal(
        (await sandbox.cell(
          "before = ticks; time.sleep(0.1); ticks > before, p.poll(), task.done(), signal.getitimer(signal.ITIMER_REAL)[0] > 0",
        )).value,
        "(True, None, False, True)",
      );
      await sandbox.cell("p.kill(); p.wait()");
    });
  });
}
