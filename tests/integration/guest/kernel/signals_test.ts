import assert from "node:assert/strict";
import * as z from "zod";
import { Sandbox } from "./sandbox.ts";
import attempts from "./signals.py" with { type: "text" };

/** Simulates a host without Landlock: the seccomp filter must suffice. */
const NO_LANDLOCK = {
  "kernel.landlock": "def bounds_signals(): return False\ndef restrict(): return 0\n",
};

const ORDINARY = `
import asyncio, ctypes, multiprocessing, os, signal, subprocess, sys, threading, time
from concurrent.futures import ProcessPoolExecutor
found = {}
p = subprocess.Popen(["sleep", "60"]); p.terminate(); found["terminate"] = p.wait()
p = subprocess.Popen(["sleep", "60"]); os.kill(p.pid, 9); found["kill"] = p.wait()
p = subprocess.Popen(["sleep", "60"]); signal.pidfd_send_signal(os.pidfd_open(p.pid), signal.SIGTERM); found["pidfd"] = p.wait()
p = subprocess.Popen(["sleep", "60"], start_new_session=True); os.killpg(p.pid, 15); found["killpg"] = p.wait()
p = subprocess.Popen(["sh", "-c", "kill -STOP $$; exit 3"])
while open(f"/proc/{p.pid}/stat").read().rpartition(")")[2].split()[0] != "T": time.sleep(0.01)
os.kill(p.pid, signal.SIGCONT); found["stop and go on"] = p.wait()
try: subprocess.run(["sleep", "60"], timeout=0.1)
except subprocess.TimeoutExpired: found["timeout"] = True
async def child():
    p = await asyncio.create_subprocess_exec("sleep", "60"); p.kill(); return await p.wait()
found["asyncio"] = await child()
with multiprocessing.get_context("fork").Pool(2) as pool: found["pool"] = pool.map(abs, [-1])
with ProcessPoolExecutor(1, multiprocessing.get_context("forkserver")) as pool: found["forkserver"] = pool.submit(abs, -2).result()
got = []
signal.signal(signal.SIGUSR1, lambda *_: got.append("usr1")); os.kill(os.getpid(), signal.SIGUSR1)
signal.signal(signal.SIGALRM, lambda *_: got.append("alarm")); signal.setitimer(signal.ITIMER_REAL, 0.01); time.sleep(0.1)
signal.raise_signal(signal.SIGUSR1); signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
found["own"] = got
r = subprocess.run([sys.executable, "-c", "import signal; print([n for n in range(1, 65) if n not in (32, 33) and signal.getsignal(n) == signal.SIG_IGN])"], capture_output=True, text=True)
found["ignored by a Python"] = r.stdout.strip()
r = subprocess.run(["sh", "-c", "grep SigIgn /proc/self/status"], capture_output=True, text=True); found["ignored by a program"] = int(r.stdout.split()[-1], 16) & ~(3 << 31)
found
`;

for (const scoped of [true, false]) {
  const where = scoped ? "with Landlock's scopes" : "without Landlock";
  Deno.test(`no signal from a cell reaches PID 1 or the zygote, ${where}`, async (t) => {
    await using sandbox = await Sandbox.start(scoped ? {} : { modules: NO_LANDLOCK });
    await sandbox.state("idle");
    const landlock = z.looseObject({ landlock: z.number() });
    const confinement = landlock.parse(sandbox.states.at(-1)?.["confinement"]).landlock;
    if (!scoped) assert.equal(confinement, 0);

    await t.step("by any system call", async () => {
      const before = await processes(sandbox);
      const cell = await sandbox.cell(attempts);
      const found: unknown = JSON.parse((cell.value ?? "").replaceAll("'", '"'));
      const outcomes = Object.entries(z.record(z.string(), z.string()).parse(found));
      assert.equal(outcomes.length, 46);
      for (const [attempt, outcome] of outcomes) {
        assert.match(outcome, attempt.includes("timer for") ? /EINVAL|EPERM/ : /EPERM/, attempt);
      }
      const after = await processes(sandbox);
      assert.deepEqual(after.signals, []);
      assert.deepEqual(after.running, before.running);
      assert.equal((await sandbox.call("restart"))["result"] !== undefined, true);
      assert.equal((await sandbox.cell("1 + 1")).value, "2");
    });

    await t.step("signals that are allowed do not affect the zygote", async () => {
      const before = await processes(sandbox);
      await sandbox.cell([
        "import os, signal",
        "zygote = min(int(name) for name in os.listdir('/proc') if name.isdigit() and int(name) not in (1, os.getpid()))",
        "folder = os.open(f'/proc/{zygote}', os.O_RDONLY)",
        "for number in range(1, 65):",
        "    try: signal.pidfd_send_signal(folder, number)",
        "    except OSError: pass",
      ].join("\n"));
      assert.deepEqual((await processes(sandbox)).running, before.running);
      assert.equal((await sandbox.call("restart"))["result"] !== undefined, true);
      assert.equal((await sandbox.cell("1 + 1")).value, "2");
    });

    await t.step("ordinary signals work", async () => {
      const cell = await sandbox.cell(ORDINARY);
      assert.equal(cell.error?.traceback, undefined);
      assert.deepEqual(
        cell.value?.replaceAll("\n", "").replaceAll(/ +/g, " "),
        "{'terminate': -15, 'kill': -9, 'pidfd': -15, 'killpg': -15, 'stop and go on': 3, 'timeout': True, 'asyncio': -9," +
          " 'pool': [1], 'forkserver': 2, 'own': ['usr1', 'alarm', 'usr1', 'usr1'], 'ignored by a Python': '[13, 25]'," +
          " 'ignored by a program': 0}",
      );
    });
  });
}

/** The signals that PID 1 received, and the states of the other processes except the kernel. */
async function processes(sandbox: Sandbox): Promise<{ signals: number[]; running: string[] }> {
  const shape = z.object({ signals: z.array(z.number()), processes: z.record(z.string(), z.string()) });
  const found = shape.parse((await sandbox.call("processes"))["result"]);
  const zygote =
    Object.keys(found.processes).map(Number).filter((pid) => pid !== 1).toSorted((a, b) => a - b)[0];
  return {
    signals: found.signals,
    running: Object.values(found.processes).filter((line) => line.startsWith(`${zygote} `)).map((line) =>
      // Running (R) or sleeping (S) is chance; stopped or dead is not.
      line.split(" ").slice(0, 4).map((field) => field === "R" ? "S" : field).join(" ")
    ),
  };
}
