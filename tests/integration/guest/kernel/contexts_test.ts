/** What one context does, by accident or on purpose, leaves the cell, the children and the variables of another alone. */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { eventually } from "../../../fixtures/eventually.ts";
import { Sandbox } from "./sandbox.ts";

const STUBBORN = "import os, signal, sys, time, subprocess\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n";

/** Counts until the file `stop` exists: every number is printed once, in order, by the cell and by a child. */
const COUNTS = `import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", """
import os, time
number = 0
while not os.path.exists('/workspace/stop'):
    with open('/workspace/child', 'a') as file: file.write('%d\\\\n' % number)
    number += 1
    time.sleep(0.01)
"""])
number = 0
while not os.path.exists("/workspace/stop"):
    print(number)
    number += 1
    time.sleep(0.01)
child.wait(), [int(line) for line in open("/workspace/child")] == list(range(sum(1 for _ in open("/workspace/child")))), kept`;

const ATTACKS: readonly { readonly name: string; readonly code: string; readonly status: string }[] = [
  { name: "a timeout", code: "while True: pass", status: "timeout" },
  {
    name: "a timeout of a cell that ignores SIGINT, with a child in a session of its own",
    code: STUBBORN + "subprocess.Popen(['sleep', '600'], start_new_session=True)\nwhile True: pass",
    status: "timeout",
  },
  {
    name: "a fork bomb",
    code: STUBBORN + "while True:\n    try: os.fork()\n    except OSError: pass",
    status: "timeout",
  },
  {
    name: "a bomb whose processes leave their sessions and parents",
    code: STUBBORN +
      "while True:\n    try:\n        if os.fork() == 0:\n            os.setsid()\n            if os.fork(): os._exit(0)\n    except OSError: pass",
    status: "timeout",
  },
  {
    name: "a process that forks a successor and ends, again and again",
    code: STUBBORN +
      "if os.fork() == 0:\n    while True:\n        try:\n            if os.fork(): os._exit(0)\n            os.setsid()\n        except OSError: pass\nwhile True: pass",
    status: "timeout",
  },
  {
    name: "a thousand orphans",
    code:
      "import os\nos.system('i=0; while [ $i -lt 1000 ]; do (: &); i=$((i+1)); done; setsid sleep 600 &')\nos._exit(3)",
    status: "kernel_died",
  },
  { name: "its own end", code: "import os; os._exit(3)", status: "kernel_died" },
];

Deno.test("contexts have variables, environment and folder of their own, and run cells at the same time", async (t) => {
  await using sandbox = await Sandbox.start();
  await sandbox.state("idle");

  await t.step("variables, environment, folder", async () => {
    await sandbox.cell("import os\nx = 1\nos.environ['X'] = '1'\nos.chdir('/tmp')");
    const other = await sandbox.cell(
      "import os\nx = globals().get('x')\nx, os.environ.get('X'), os.getcwd()",
      {
        context: "b",
      },
    );
    assert.equal(other.value, "(None, None, '/workspace')");
    assert.equal((await sandbox.cell("x, os.environ['X'], os.getcwd()")).value, "(1, '1', '/tmp')");
  });

  await sandbox.cell("kept = 'kept'", { context: "b" });
  const counting = sandbox.cell(COUNTS, { context: "b", timeout_ms: 600_000 });
  for (const { name, code, status } of ATTACKS) {
    await t.step(`${name} in one leaves the other alone`, async () => {
      const cell = await sandbox.cell(code, { timeout_ms: status === "timeout" ? 700 : 20_000 });
      assert.equal(cell.result.status, status);
      assert.equal((await sandbox.cell("1 + 1")).value, "2");
    });
  }

  await t.step("so do a restart and a removal", async () => {
    assert.deepEqual((await sandbox.call("restart", { context: "default" }))["result"], {});
    await sandbox.cell("import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)", {
      context: "c",
    });
    assert.deepEqual((await sandbox.call("remove_context", { context: "c" }))["result"], {});
    // A process that is about to end counts for every context until it has.
    const left = {
      contexts: {
        default: { execution_state: "idle", background_processes: 0 },
        b: { execution_state: "busy", background_processes: 1 },
      },
    };
    await eventually(
      async () => isDeepStrictEqual((await sandbox.call("list_contexts"))["result"], left),
      "only the processes of b are left",
    );
  });

  await t.step("no number is missing, and nothing else is left", async () => {
    await sandbox.cell("open('/workspace/stop', 'w').close()");
    const { value, stdout, result } = await counting;
    assert.equal(result.status, "ok");
    assert.equal(value, "(0, True, 'kept')");
    const numbers = stdout.trimEnd().split("\n").map(Number);
    assert.deepEqual(numbers, numbers.map((_, at) => at));
    // Agent, zygote, and a subreaper with its kernel for each context.
    const { processes } = (await sandbox.call("processes"))["result"] as {
      processes: Record<string, string>;
    };
    const running = Object.values(processes).filter((stat) => !stat.includes(") Z "));
    assert.equal(running.length, 6, JSON.stringify(running));
  });

  await t.step("a ninth is refused, and default stays", async () => {
    for (const name of ["c", "d", "e", "f", "g", "h"]) await sandbox.call("start_kernel", { context: name });
    const refused = await sandbox.call("start_kernel", { context: "ninth" });
    assert.match(JSON.stringify(refused), /8 contexts exist already/);
    assert.match(JSON.stringify(await sandbox.call("remove_context")), /cannot remove the context default/);
    assert.match(JSON.stringify(await sandbox.call("restart", { context: "ninth" })), /no context ninth/);
  });
});
