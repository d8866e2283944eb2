/** The kernel in a container. Longer than 300 lines: its steps share containers, which take seconds to start. */
import assert from "node:assert/strict";
import { eventually } from "../../../fixtures/eventually.ts";
import { GUEST_MODULES } from "../../../../src/guest/mod.ts";
import { Sandbox } from "./sandbox.ts";

const PRELOAD = ["numpy", "pandas", "matplotlib.pyplot", "no_such_module"];

const EXECUTE = {
  code: "1",
  timeout_ms: 1000,
  max_output_bytes: 1000,
  max_text_characters: 1000,
  silent: false,
  execution: "exec_1",
  env: {},
  cwd: null,
};

async function started(): Promise<Sandbox> {
  const sandbox = await Sandbox.start({ preload: PRELOAD });
  await sandbox.state("idle");
  return sandbox;
}

Deno.test("execute keeps state and returns values, output, errors and displays", async (t) => {
  await using sandbox = await started();

  await t.step("a value, and the variables of the previous cell", async () => {
    const first = await sandbox.cell("x = 20");
    assert.equal(first.value, undefined);
    assert.equal(first.result.executionCount, 1);
    const second = await sandbox.cell("x + 22");
    assert.equal(second.value, "42");
    assert.equal(second.result.status, "ok");
    assert.equal(second.result.executionCount, 2);
  });

  await t.step(
    "stdout and stderr separately and in order, including those of children and C code",
    async () => {
      const cell = await sandbox.cell([
        "import ctypes, os, sys",
        "print('one')",
        "os.system('echo two; echo error >&2')",
        "ctypes.CDLL(None).puts(b'three')",
        "print('four', end='')",
      ].join("\n"));
      assert.equal(cell.stdout, "one\ntwo\nthree\nfour");
      assert.equal(cell.stderr, "error\n");
      assert.deepEqual(cell.result.output.stderr, { bytes: 6, kept: 6 });
    },
  );

  await t.step("text printed before a display precedes it", async () => {
    const cell = await sandbox.cell(
      "from IPython.display import Markdown\nprint('before')\ndisplay(Markdown('*m*'))\nprint('after')",
    );
    assert.deepEqual(cell.events.map((event) => event.type), ["stream", "display_data", "stream", "reply"]);
    assert.equal(cell.displays[0]?.data["text/markdown"], "*m*");
  });

  await t.step("an error without our frames or escapes", async () => {
    const cell = await sandbox.cell("def f():\n    return 1 / 0\nf()");
    assert.equal(cell.result.status, "error");
    assert.equal(cell.error?.ename, "ZeroDivisionError");
    assert.equal(cell.error?.evalue, "division by zero");
    const lines = cell.error?.traceback.split("\n") ?? [];
    assert.equal(lines[0], "Traceback (most recent call last):");
    assert.equal(lines[1], '  File "Cell In[5]", line 3, in <module>');
    assert.equal(lines.at(-1), "ZeroDivisionError: division by zero");
    assert.doesNotMatch(cell.error?.traceback ?? "", /omcp|IPython|\[3[0-9]m/);
  });

  await t.step("a syntax error and exit with a code are errors, and the kernel is kept", async () => {
    assert.equal((await sandbox.cell("x +")).error?.ename, "SyntaxError");
    assert.equal((await sandbox.cell("import sys; sys.exit(3)")).error?.ename, "SystemExit");
    assert.equal((await sandbox.cell("x")).value, "20");
  });

  await t.step("top-level await, magics and shell commands", async () => {
    assert.equal((await sandbox.cell("import asyncio\nawait asyncio.sleep(0, 'slept')")).value, "'slept'");
    assert.equal((await sandbox.cell("%%bash\necho from $0")).stdout, "from bash\n");
    assert.equal((await sandbox.cell("!echo shell")).stdout, "shell\n");
  });

  await t.step("a DataFrame as HTML and text", async () => {
    const cell = await sandbox.cell("import pandas as pd\npd.DataFrame({'a': [1]})");
    const result = cell.events.find((event) => event.type === "execute_result");
    assert.match(JSON.stringify(result), /text\/html.*<table/);
    assert.equal(cell.value, "   a\n0  1\n[1 rows x 1 columns; dtypes: a int64]");
  });

  await t.step("every figure once, as a PNG", async () => {
    const cell = await sandbox.cell(
      "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nprint('shown')\nplt.figure(); plt.plot([3])\nfig = plt.figure(); plt.plot([1]); fig",
    );
    const kinds = cell.events.map((event) => event.type);
    assert.deepEqual(kinds, ["display_data", "stream", "execute_result", "display_data", "reply"]);
    assert(cell.displays.every(({ data }) => String(data["image/png"]).startsWith("iVBORw0KGgo")));
    assert.match(JSON.stringify(cell.events[2]), /image\/png":"iVBORw0KGgo/);
  });

  await t.step("input() and stdin are at end of file", async () => {
    assert.equal((await sandbox.cell("input('name? ')")).error?.ename, "EOFError");
    assert.equal((await sandbox.cell("import sys; sys.stdin.read()")).value, "''");
    assert.equal((await sandbox.cell("!cat")).stdout, "");
  });

  await t.step("silent code sees user_ns and leaves no trace", async () => {
    const before = (await sandbox.cell("1")).result.executionCount;
    const cell = await sandbox.cell(
      "seen = user_ns['x']\nuser_ns['y'] = 7\ndisplay({'application/json': {'n': seen}})\n8",
      {
        silent: true,
      },
    );
    assert.deepEqual(cell.displays[0]?.data, { "application/json": '{"n":20}', "text/plain": '{"n":20}' });
    assert.equal(cell.value, undefined);
    assert.equal(cell.result.executionCount, before);
    assert.equal((await sandbox.cell("y, 'seen' in globals()")).value, "(7, False)");
  });
});

Deno.test("execute caps a cell's output, and reports its full size", async (t) => {
  await using sandbox = await started();

  await t.step("output: the beginning and end of each stream are kept, the rest is counted", async () => {
    const cell = await sandbox.cell("print('x' * 50_000_000)\nimport sys; print('e' * 5, file=sys.stderr)", {
      max_output_bytes: 1000,
    });
    assert.equal(cell.stdout, `${"x".repeat(999)}\n`);
    assert.deepEqual(cell.result.output.stdout, { bytes: 50_000_001, kept: 1000 });
    assert.equal(cell.stderr, "eeeee\n");
    assert.deepEqual(cell.result.output.stderr, { bytes: 6, kept: 6 });
    const tail = cell.events.findLast(({ type, name }) => type === "stream" && name === "stdout");
    assert.deepEqual([tail?.["skipped"], String(tail?.["text"]).length], [49_999_001, 500]);
    const whole = await sandbox.cell("print('ab' * 400)", { max_output_bytes: 1000 });
    assert.deepEqual(whole.stdout, `${"ab".repeat(400)}\n`);
  });

  await t.step("output is valid UTF-8: a character that the cap would cut is omitted", async () => {
    const cell = await sandbox.cell(
      "import os\nos.write(1, b'a\\xff\\x00\\x1b[31m\\xc3')\nprint('\\ud800')\nNone",
    );
    assert.equal(cell.stdout, "a\ufffd\0\x1b[31m\ufffd\\ud800\n");
    const cut = await sandbox.cell("print('é' * 9, end='')", { max_output_bytes: 6 });
    assert.equal(cut.stdout, "éé");
    assert.deepEqual(cut.result.output.stdout, { bytes: 18, kept: 4 });
  });

  await t.step("few events for many small writes", async () => {
    const cell = await sandbox.cell("for i in range(20000): print(i)");
    assert.equal(cell.stdout.split("\n").length, 20001);
    assert(cell.events.length < 200);
  });

  await t.step("values and exceptions", async () => {
    const value = await sandbox.cell("'y' * 3_000_000");
    assert.match(
      value.value ?? "",
      /^'y+… \[\d+ characters left out; print\(Out\[\d+\]\) prints all of it\] …y+'$/,
    );
    // It takes seconds on a busy machine.
    const error = await sandbox.cell("raise ValueError('z' * 100_000_000)", { timeout_ms: 120_000 });
    assert.match(error.error?.evalue ?? "", /… \[99995904 characters left out\] …z+$/);
    assert((error.error?.traceback.length ?? 0) < 200_000);
    const raising = await sandbox.cell(
      "class E(Exception):\n    def __str__(self): raise RuntimeError\nraise E()",
    );
    assert.equal(raising.error?.ename, "E");
  });

  await t.step("figures: pixels and number", async () => {
    const large = await sandbox.cell(
      "import matplotlib.pyplot as plt\nplt.figure(figsize=(200, 100)); plt.plot([1]); None",
    );
    assert.match(
      String(large.displays[0]?.data["text/plain"]),
      /instead of \d+ x \d+: at most 1568 a side/,
    );
    const many = await sandbox.cell("for i in range(50): plt.figure(); plt.plot([i])");
    assert.equal(many.result.output.displays.count, 50);
    assert.equal(many.result.output.displays.kept, 20);
    assert.match(String(many.displays.at(-1)?.data["text/plain"]), /30 more figures/);
  });

  await t.step("displays: texts that are longer than a message", async () => {
    const plain = await sandbox.cell(
      "class Long:\n    def __repr__(self): return 'é' * 500_000\ndisplay(Long()); Long()",
    );
    assert.equal(plain.displays[0]?.data["text/plain"], "é".repeat(500_000));
    assert.equal(plain.value, "é".repeat(500_000));
    const controls = await sandbox.cell("display({'text/plain': '\\0' * 300_000}, raw=True)");
    assert.equal(controls.displays[0]?.data["text/plain"], "\0".repeat(300_000));
    const cut = await sandbox.cell("Long()", { max_output_bytes: 1000 });
    assert.match(
      cut.value ?? "",
      /^é+… \[4990\d\d characters left out; print\(Out\[\d+\]\) prints all of it\] …é+$/,
    );
    for (const event of [...plain.events, ...controls.events]) {
      assert(new TextEncoder().encode(JSON.stringify(event)).length <= 256 * 1024);
    }
    const printed = await sandbox.cell("print('\\0' * 900_000, end='')", { max_output_bytes: 1 << 20 });
    assert.equal(printed.stdout.length, 900_000);
    for (const event of printed.events) assert(JSON.stringify(event).length <= 256 * 1024);
  });

  await t.step("displays: JSON is sent as text, and shown if there is no other representation", async () => {
    const cell = await sandbox.cell(
      "from IPython.display import JSON\ndeep = []\nfor _ in range(60): deep = [deep]\ndisplay(JSON({'a': [1, float('nan')]}), JSON([[]] * 60_000), JSON(deep))",
      { max_output_bytes: 10_000 },
    );
    const [small, wide, nested] = cell.displays.map(({ data }) => data);
    assert.deepEqual(small, { "application/json": '{"a":[1,null]}', "text/plain": '{"a":[1,null]}' });
    assert.deepEqual(Object.keys(wide ?? {}), ["text/plain"]);
    assert.match(
      wide?.["text/plain"] ?? "",
      /^\[\[\],\[\].*\[1700\d\d characters left out; print the object to have all of it\]/,
    );
    assert.equal(nested?.["application/json"], "[".repeat(61) + "]".repeat(61));
  });

  await t.step("displays: number and bytes", async () => {
    const many = await sandbox.cell("for i in range(1000): display(i)");
    assert.deepEqual([many.displays.length, many.result.output.displays.count], [100, 1000]);
    const large = await sandbox.cell("from IPython.display import HTML\nHTML('h' * 20_000_000)");
    assert.equal(large.result.status, "ok");
    assert.match(large.value ?? "", /^\[text\/html, 20000000 characters: not shown; /);
  });

  await t.step("an invalid request", async () => {
    for (
      const wrong of [{ code: 1 }, { code: "1", timeout_ms: -1 }, { code: "1", timeout_ms: 1e309 }, {
        code: "x".repeat(1 << 21),
        timeout_ms: 1,
      }]
    ) {
      const reply = await sandbox.call("execute", wrong);
      assert.match(JSON.stringify(reply), /"code":"invalid_argument"/);
    }
  });
});

Deno.test("a cell that overruns is interrupted, then ended", async (t) => {
  await using sandbox = await started();

  await t.step("a loop yields to SIGINT and the variables are kept", async () => {
    await sandbox.cell("kept = 1");
    const cell = await sandbox.cell("while True: pass", { timeout_ms: 300 });
    assert.deepEqual([cell.result.status, cell.result.kernel], ["timeout", "kept"]);
    assert.equal(cell.error?.ename, "KeyboardInterrupt");
    const child = await sandbox.cell("import os; os.system('sleep 60')", { timeout_ms: 300 });
    assert.deepEqual([child.result.status, child.result.kernel], ["timeout", "kept"]);
    const awaiting = await sandbox.cell("import asyncio; await asyncio.sleep(60)", { timeout_ms: 300 });
    assert.deepEqual([awaiting.result.status, awaiting.error?.ename], ["timeout", "KeyboardInterrupt"]);
    assert.equal((await sandbox.cell("kept")).value, "1");
  });

  await t.step("interrupt ends a cell; without a running cell it reports that", async () => {
    const cell = sandbox.cell("print('on', flush=True)\nimport time; time.sleep(60)");
    await eventually(() => sandbox.printed.includes("on"), "the cell has printed");
    assert.deepEqual((await sandbox.call("interrupt"))["result"], { interrupted: true });
    assert.deepEqual([(await cell).result.status, (await cell).result.kernel], ["interrupted", "kept"]);
    assert.deepEqual((await sandbox.call("interrupt"))["result"], { interrupted: false });
    assert.equal((await sandbox.cell("kept")).value, "1");
  });

  await t.step("a second cell is refused meanwhile", async () => {
    const cell = sandbox.cell("import time; time.sleep(0.3)");
    assert.match(
      JSON.stringify(await sandbox.call("execute", EXECUTE)),
      /"code":"busy"/,
    );
    assert.equal((await cell).result.status, "ok");
  });

  await t.step("a cell that ignores SIGINT is killed, and its output until then is kept", async () => {
    const cell = await sandbox.cell(
      "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('begun')\nwhile True: pass",
      { timeout_ms: 300 },
    );
    assert.deepEqual([cell.result.status, cell.result.kernel], ["timeout", "restarted"]);
    assert.equal(cell.stdout, "begun\n");
    assert.equal((await sandbox.cell("'kept' in globals()")).value, "False");
  });

  await t.step("a fork bomb", async () => {
    const cell = await sandbox.cell(
      "import os, signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    try: os.fork()\n    except OSError: pass",
      { timeout_ms: 1000 },
    );
    assert.deepEqual([cell.result.status, cell.result.kernel], ["timeout", "restarted"]);
    const next = await sandbox.cell("1 + 1");
    assert.equal(next.value, "2");
    assert.deepEqual((await sandbox.call("status"))["result"], {
      execution_state: "idle",
      background_processes: 0,
    });
  });

  await t.step("restart gives a fresh kernel", async () => {
    await sandbox.cell("kept = 2");
    assert.deepEqual((await sandbox.call("restart"))["result"], {});
    assert.equal((await sandbox.cell("'kept' in globals()")).value, "False");
  });
});

Deno.test("a kernel that dies is replaced, and its end is reported", async (t) => {
  await using sandbox = await started();
  const cases = [
    {
      name: "segfault",
      code: "import ctypes; ctypes.string_at(0)",
      died: { signal: "SIGSEGV", exitCode: null, oom: false },
    },
    {
      name: "os._exit",
      code: "import os; print('last', end='', flush=True); os._exit(3)",
      died: { signal: null, exitCode: 3, oom: false },
    },
    {
      name: "SIGKILL",
      code: "import os; os.kill(os.getpid(), 9)",
      died: { signal: "SIGKILL", exitCode: null, oom: false },
    },
    {
      name: "memory",
      code: "a = []\nwhile True: a.append(bytearray(50_000_000))",
      died: { signal: "SIGKILL", exitCode: null, oom: true },
    },
    {
      name: "closed descriptors",
      code: "import os; os.closerange(3, 1000)",
      died: { signal: null, exitCode: 70, oom: false },
    },
    {
      name: "garbage on its socket",
      code: "import os\nwhile True: os.write(200, b'\\xff' * 8)",
      died: { signal: "SIGKILL", exitCode: null, oom: false },
    },
    {
      name: "a forged result",
      code: 'import os\nos.write(200, b\'\\0\\0\\0\\x19{"type":"execute_result"}\')\nwhile True: pass',
      died: { signal: "SIGKILL", exitCode: null, oom: false },
    },
  ];
  for (const { name, code, died } of cases) {
    await t.step(name, async () => {
      const cell = await sandbox.cell(code);
      assert.deepEqual([cell.result.status, cell.result.kernel], ["kernel_died", "restarted"]);
      assert.deepEqual(cell.result.died, died);
      assert.equal((await sandbox.cell("1 + 1")).value, "2");
    });
  }
  await t.step("after a stack overflow the next cell runs", async () => {
    const cell = await sandbox.cell("import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f()\nf()");
    assert(cell.result.status === "kernel_died" || cell.result.status === "error");
    assert.equal((await sandbox.cell("1 + 1")).value, "2");
  });
  await t.step("a cell can kill neither the zygote nor the subreaper above its kernel", async () => {
    const cell = await sandbox.cell([
      "import os",
      "def attempt(pid):",
      "    try: os.kill(pid, 9); return 'sent'",
      "    except OSError as error: return error.errno",
      "mine = os.getpid()",
      "others = [int(p) for p in os.listdir('/proc') if p.isdigit() and int(p) != mine]",
      "[attempt(pid) for pid in [-1, *others]]",
    ].join("\n"));
    assert.equal(cell.value, "[1, 1, 1, 1]");
    assert.equal((await sandbox.cell("2 + 2")).value, "4");
  });
});

Deno.test("the supervisor stops reading output while the server does not acknowledge events", async () => {
  await using sandbox = await started();
  await sandbox.call("hold", { hold: true });
  const cell = sandbox.cell("for _ in range(100): print('x' * 9999)\n'done'", {
    max_output_bytes: 10_000_000,
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.deepEqual((await sandbox.call("status"))["result"], {
    execution_state: "busy",
    background_processes: 0,
  });
  await sandbox.call("hold", { hold: false });
  assert.equal((await cell).stdout.length, 1_000_000);
  assert.equal((await cell).value, "'done'");
});

Deno.test("a kernel is confined", async (t) => {
  await using sandbox = await started();

  await t.step("and reports it before it is ready", () => {
    const first = sandbox.states.find((event) => event["confinement"] !== null);
    assert.equal(first?.["state"], "starting");
    assert.match(JSON.stringify(first), /"no_new_privs":true,"seccomp":2/);
  });

  await t.step("by sockets, other processes' memory and limits, namespaces and files", async () => {
    const cell = await sandbox.cell([
      "import ctypes, os, resource, socket, platform",
      "def errno(f):",
      "    try: f(); return 0",
      "    except OSError as error: return error.errno",
      "libc = ctypes.CDLL(None, use_errno=True)",
      "def call(*numbers): ",
      "    number = numbers[platform.machine() != 'x86_64']",
      "    return 0 if libc.syscall(number, 0, 0, 0, 0, 0, 0) >= 0 else ctypes.get_errno()",
      "families = [socket.AF_INET, socket.AF_INET6, 16, 17, 38, 40]",
      "[{errno(lambda: socket.socket(family, socket.SOCK_RAW if family in (16, 17) else socket.SOCK_STREAM)) for family in families},",
      " errno(lambda: socket.socketpair()[0].close()),",
      " call(101, 117), call(425, 425), call(272, 97), call(321, 280), call(323, 282), call(250, 219), call(165, 40), call(435, 435),",
      " errno(lambda: os.unshare(0x10000000)),",
      " errno(lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (9, 9))),",
      " errno(lambda: os.setpriority(os.PRIO_PROCESS, 1, 19)),",
      " errno(lambda: open('/proc/1/mem', 'rb')), errno(lambda: os.listdir('/proc/1/fd')),",
      " errno(lambda: open('/escape', 'w')) != 0, errno(lambda: open('/workspace/file', 'w'))]",
    ].join("\n"));
    assert.equal(cell.value, "[{1}, 0, 1, 38, 1, 1, 1, 1, 1, 38, 1, 1, 1, 13, 13, True, 0]");
  });

  await t.step("neither can the zygote and the subreaper be inspected", async () => {
    const cell = await sandbox.cell([
      "import os",
      "mine = os.getpid()",
      "def readable(pid):",
      "    try: open('/proc/%s/mem' % pid, 'rb'); return True",
      "    except OSError: return False",
      "[readable(p) for p in os.listdir('/proc') if p.isdigit() and int(p) != mine]",
    ].join("\n"));
    assert.equal(cell.value, "[False, False, False]");
  });
});

Deno.test("user code that patches the standard library does not affect the protocol", async () => {
  await using sandbox = await started();
  const cell = await sandbox.cell([
    "import json, os, sys, builtins, gc, socket, traceback, signal, time",
    "json.dumps = json.loads = json.JSONEncoder.encode = json.JSONDecoder.decode = None",
    "os.write = os.read = os.getpid = os.dup2 = os.close = socket.socket = None",
    "time.monotonic = time.time = lambda: 0",
    "gc.disable()",
    "sys.displayhook = None; sys.stdout.close(); sys.stderr = None",
    "old = signal.signal(signal.SIGINT, signal.SIG_IGN)",
  ].join("\n"));
  assert.equal(cell.result.status, "ok");
  const next = await sandbox.cell("print('sound')\n1 + 1");
  assert.deepEqual([next.stdout, next.value], ["sound\n", "2"]);
  const slow = await sandbox.cell("while True: pass", { timeout_ms: 300 });
  assert.deepEqual([slow.result.status, slow.result.kernel], ["timeout", "kept"]);
  // Python itself does not work without these: the kernel ends with a reason, and the next one works.
  const broken = await sandbox.cell(
    "builtins.isinstance = builtins.len = builtins.enumerate = builtins.dict = None",
  );
  assert.deepEqual([broken.result.status, broken.result.died?.exitCode], ["kernel_died", 72]);
  assert.match(JSON.stringify(broken.events), /replaces builtins/);
  assert.equal((await sandbox.cell("1 + 1")).value, "2");
});

Deno.test("without IPython the agent reports that no kernel is available", async () => {
  await using sandbox = await Sandbox.start({ dockerArguments: ["-e", "PATH=/usr/bin:/bin"] });
  const event = await sandbox.state("dead");
  assert.match(
    JSON.stringify(event["error"]),
    /"code":"kernel_unavailable","message":"The image has no usable IPython/,
  );
  const reply = await sandbox.call("execute", EXECUTE);
  assert.match(JSON.stringify(reply), /"code":"kernel_unavailable".*did not run/);
});

Deno.test("a zygote that dies is replaced, and its kernel keeps running", async () => {
  await using sandbox = await Sandbox.start();
  await sandbox.state("idle");
  const zygote = await sandbox.cell(
    "import os\nx = 1\nmin(int(p) for p in os.listdir('/proc') if p.isdigit() and p != '1')",
  );
  await sandbox.exec(`kill -9 ${zygote.value}`);
  assert.equal((await sandbox.cell("x")).value, "1");
  const died = await sandbox.cell("os._exit(0)");
  assert.deepEqual([died.result.status, died.result.kernel], ["kernel_died", "restarted"]);
  assert.equal((await sandbox.cell("2")).value, "2");
});

Deno.test("a first cell that arrives before the subreaper has reported its kernel keeps it", async () => {
  const source = GUEST_MODULES["kernel.subreaper"] ?? "";
  // Until then, the subreaper has the kernel's socket, too.
  const slow = source.replace(
    "        os.close(control)\n",
    "        time.sleep(0.4)\n        os.close(control)\n",
  );
  assert.notEqual(slow, source);
  await using sandbox = await Sandbox.start({ modules: { "kernel.subreaper": `${slow}\nimport time\n` } });
  await sandbox.state("idle");
  const cell = await sandbox.cell("import os; os.getpid()");
  assert.deepEqual([cell.result.status, cell.result.kernel], ["ok", "kept"]);
  assert.equal((await sandbox.cell("os.getpid()")).value, cell.value);
  const ended = await sandbox.cell("os._exit(3)");
  assert.deepEqual(ended.result.died, { signal: null, exitCode: 3, oom: false });
});

Deno.test("a module that starts threads is not preloaded", async () => {
  await using sandbox = await Sandbox.start({ preload: ["numpy", "polars"] });
  await sandbox.state("idle");
  const cell = await sandbox.cell("import sys\n[name in sys.modules for name in ('numpy', 'polars')]");
  assert.equal(cell.value, "[True, False]");
});
