import assert from "node:assert/strict";
import * as z from "zod";
import { Sandbox } from "./sandbox.ts";

const TOOLS = `
import ctypes, os, signal, struct, time, sys
libc = ctypes.CDLL(None)
def timer(ms=3):
    event = ctypes.create_string_buffer(struct.pack('=qii', 0, 18, 0), 64); t = ctypes.c_void_p()
    libc.timer_create(1, event, ctypes.byref(t))
    libc.timer_settime(t, 0, ctypes.create_string_buffer(struct.pack('=qqqq', 0, ms*1000000, 0, ms*1000000)), None)
def ignore():
    for n in range(1,65):
        try: signal.signal(n, signal.SIG_IGN if n != 18 else (lambda *_: None))
        except (OSError, ValueError): pass
`;
const BOMBS: Record<string, string> = {
  "forks that ignore nothing": "while True:\n    try: os.fork()\n    except OSError: pass",
  "forks that ignore SIGINT, of a cell that yields":
    "if os.fork() == 0:\n    ignore()\n    while True:\n        try: os.fork()\n        except OSError: pass\nwhile True: time.sleep(1)",
  "sessions of their own":
    "if os.fork() == 0:\n    ignore()\n    while True:\n        try:\n            if os.fork() == 0: os.setsid()\n            else: pass\n        except OSError: pass\nwhile True: time.sleep(1)",
  "a chain that a timer resumes":
    "if os.fork() == 0:\n    ignore()\n    while True:\n        timer()\n        try:\n            if os.fork(): os._exit(0)\n            os.setsid()\n        except OSError: pass\nwhile True: time.sleep(1)",
  "forks that a timer resumes":
    "if os.fork() == 0:\n    ignore(); timer()\n    while True:\n        try:\n            if os.fork() == 0: timer(2)\n        except OSError: time.sleep(0.001)\nwhile True: time.sleep(1)",
  "forks that resume each other":
    "if os.fork() == 0:\n    ignore(); timer()\n    while True:\n        try:\n            if os.fork() == 0: timer(2); os.setsid()\n        except OSError: pass\n        for p in os.listdir('/proc'):\n            if p.isdigit() and int(p) > 10:\n                try: os.kill(int(p), 18)\n                except OSError: pass\nwhile True: time.sleep(1)",
  "forks that resume each other, of a cell that does not yield":
    "ignore()\nif os.fork() == 0:\n    timer()\n    while True:\n        try:\n            if os.fork() == 0: timer(2); os.setsid()\n        except OSError: pass\n        for p in os.listdir('/proc'):\n            if p.isdigit() and int(p) > 10:\n                try: os.kill(int(p), 18)\n                except OSError: pass\nsignal.signal(2, signal.SIG_IGN)\nwhile True: time.sleep(1)",
  "programs":
    "if os.fork() == 0:\n    ignore()\n    while True:\n        try: os.posix_spawn('/bin/sh', ['sh', '-c', 'trap \"\" INT TERM HUP; while :; do (:)& done'], {})\n        except OSError: pass\nwhile True: time.sleep(1)",
};

Deno.test("a fork bomb leaves no process, and the next cell runs", async (t) => {
  await using sandbox = await Sandbox.start({ dockerArguments: ["--pids-limit", "256", "--cpus", "1"] });
  await sandbox.state("idle");
  for (const [name, code] of Object.entries(BOMBS)) {
    await t.step(name, async () => {
      const cell = await sandbox.cell(TOOLS + code, { timeout_ms: 2000 });
      assert.equal(cell.result.status, "timeout");
      // It waits until all processes have ended.
      assert.equal((await sandbox.cell("1 + 1", { timeout_ms: 60_000 })).value, "2");
      const left = z.object({ processes: z.record(z.string(), z.string()) });
      const found = left.parse((await sandbox.call("processes"))["result"]).processes;
      // PID 1, the zygote, the kernel, and the middle process of the double fork, which is about to end.
      const living = Object.values(found).filter((line) => !/\) [ZX] /.test(line));
      assert.ok(living.length <= 4, living.join("\n"));
      assert.deepEqual((await sandbox.call("status"))["result"], {
        execution_state: "idle",
        background_processes: 0,
      });
    });
  }
});

const UNTIL_REFUSED = `
import errno, os, pathlib, resource, signal
[refusals] = [path for path in (pathlib.Path("/sys/fs/cgroup/pids.events"), pathlib.Path("/sys/fs/cgroup/pids/pids.events")) if path.exists()]
before, children, why = refusals.read_text(), [], None
while why is None and len(children) < 200:
    try:
        child = os.fork()
    except OSError as error:
        why = errno.errorcode[error.errno]
    else:
        if child == 0:
            signal.pause()
            os._exit(0)
        children.append(child)
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
try:
    resource.setrlimit(resource.RLIMIT_NPROC, (128, 128))
    raised = True
except ValueError:
    raised = False
(why, len(children) > 100, refusals.read_text() == before, resource.getrlimit(resource.RLIMIT_NPROC), raised)
`;

Deno.test("the processes of cells reach a limit of their own before the container's, where each refusal is costly", async () => {
  await using sandbox = await Sandbox.start({ dockerArguments: ["--pids-limit", "128"] });
  await sandbox.state("idle");
  const cell = await sandbox.cell(UNTIL_REFUSED);
  assert.equal(cell.value, "('EAGAIN', True, True, (120, 120), False)");
});
