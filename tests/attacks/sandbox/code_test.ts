import assert from "node:assert/strict";
import { eventually } from "../../fixtures/eventually.ts";
import { runTable, withScene } from "../neighbours.ts";

const PATCHES_BUILTINS = `import builtins
for name in list(vars(builtins)):
    if name not in ("__import__", "__build_class__"):
        try: delattr(builtins, name)
        except BaseException: pass`;

const CLEARS_ALL = `import gc
for thing in gc.get_objects():
    try: thing.clear()
    except BaseException: pass`;

Deno.test("code that exhausts its resources harms only its own sandbox", async (t) => {
  await withScene({ OMCP_MEMORY_MIB: "1024", OMCP_WORKSPACE_MIB: "128" }, async (scene) => {
    await runTable(t, scene, [
      {
        name: "a fork bomb",
        code: "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        timeout: 1,
        expect: /\[timeout, /,
      },
      {
        name: "all memory, from Python",
        code: "x = []\nwhile True: x.append(bytearray(50_000_000))",
        expect: /out_of_memory.*variables are lost/,
      },
      {
        name: "all memory, by a child",
        code:
          "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'x = [bytearray(50_000_000) for _ in range(1000)]']).returncode",
        expect: /-9/,
      },
      {
        name: "every file system filled, with memory left",
        code: `import os
for folder in ("/workspace", "/tmp", "/dev/shm", "/run", "/var/tmp"):
    try:
        with open(folder + "/fill", "wb") as file:
            while True: file.write(b"x" * 1_000_000)
    except OSError as error: print(error.errno)
print(len(bytearray(100_000_000)))
for folder in ("/workspace", "/tmp", "/dev/shm", "/run"): os.unlink(folder + "/fill")`,
        expect: /28\n28\n28\n28\n30\n100000000/,
      },
      {
        name: "every descriptor",
        code:
          "import os\nopened = []\ntry:\n    while True: opened.append(os.open('/dev/null', 0))\nexcept OSError as error: print(error)\nfor fd in opened: os.close(fd)",
        expect: /Too many open files/,
      },
      {
        name: "every thread",
        code:
          "import threading\nstop = threading.Event()\ntry:\n    while True: threading.Thread(target=stop.wait, daemon=True).start()\nexcept RuntimeError as error: print(error)\nstop.set()",
        expect: /can't start new thread/,
      },
      {
        name: "children without a wait",
        code: `import os
made = 0
for _ in range(2000):
    try:
        if os.fork() == 0: os._exit(0)
        made += 1
    except OSError: break
print(made > 100)`,
        // It takes 2 s, and half a minute at a load of 16 on two cores.
        timeout: 120,
        expect: /True/,
      },
      {
        name: "a gigabyte of output",
        code: "for _ in range(100): print('x' * 10_000_000)",
        expect: /… \[953\.\d MiB left out here\] …[^]*\[stdout had 953\.\d MiB in all/,
      },
    ]);
  });
});

Deno.test("code that ends or breaks its own kernel gets a new one", async (t) => {
  await withScene({}, async (scene) => {
    await runTable(t, scene, [
      { name: "os._exit(0)", code: "import os; os._exit(0)", expect: /exit code 0.*variables are lost/ },
      { name: "a segmentation fault", code: "import ctypes; ctypes.string_at(0)", expect: /SIGSEGV/ },
      {
        name: "all descriptors closed",
        code: "import os; os.closerange(0, 4096)",
        expect: /lost its connection to the agent/,
      },
      {
        name: "SIGSTOP for itself",
        code: "import os; os.kill(os.getpid(), 19)",
        timeout: 1,
        expect: /\[timeout, /,
      },
      { name: "SIGKILL for PID 1", code: "import os; os.kill(1, 9)", expect: /PermissionError/ },
      { name: "SIGKILL for all", code: "import os; os.kill(-1, 9)", expect: /PermissionError/ },
      {
        name: "a limit of three descriptors",
        code: "import resource, os\nresource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\nos._exit(2)",
        expect: /exit code 2/,
      },
      {
        name: "an impossible execution count",
        code: "get_ipython().execution_count = 10**30",
        expect: /a count is missing or impossible/,
      },
      { name: "the shell's own method removed", code: "get_ipython().run_cell = None", expect: /^\[ok/ },
    ]);
    for (
      const [name, code] of [
        ["the builtins deleted", PATCHES_BUILTINS],
        ["every object of the garbage collector cleared", CLEARS_ALL],
      ] as const
    ) {
      await t.step(`a broken kernel is replaced or runs the next cell: ${name}`, async () => {
        const { client, target } = scene;
        await client.run(target, code);
        assert.match(
          (await client.run(target, "6 * 7")).text,
          /kernel restarted: variables are lost|\[error, .*variables kept\]$/,
        );
        assert.match((await client.run(target, "6 * 7")).text, /\[value\]\n42/);
      });
    }
  });
});

Deno.test("values, displays and errors of any shape are bounded and do not end the sandbox", async (t) => {
  await withScene({}, async (scene) => {
    await runTable(t, scene, [
      {
        name: "a value of five megabytes",
        code: "'x' * 5_000_000",
        expect: /… \[\d+ characters left out; print\(Out\[\d+\]\) prints all of it\] …/,
      },
      {
        name: "a display of 50 MB",
        code: "display({'text/plain': 'x' * 50_000_000, 'text/html': 'y' * 50_000_000}, raw=True)",
        expect: /… \[\d+ characters left out; print the object to have all of it\] …/,
      },
      {
        name: "ten thousand displays",
        code: "for number in range(10_000): display(number)",
        expect: /\[100 of 10000 displays shown\]/,
      },
      {
        name: "a number beyond any double",
        code: "display({'application/json': 10**400}, raw=True)",
        expect: /\[display\] "?1000/,
      },
      {
        name: "NaN and infinities",
        code: "display({'application/json': [float('nan'), float('inf')]}, raw=True)",
        expect: /\[null,null\]/,
      },
      {
        name: "a long MIME name",
        code: "display({'application/vnd.' + 'a' * 100 + '+json': {}}, raw=True)",
        expect: /\[ok/,
      },
      {
        name: "an invalid picture",
        code: "display({'image/png': 'not base64 !!', 'image/jpeg': 'AAAA'}, raw=True)",
        expect: /\[ok/,
      },
      {
        name: "a figure of 200 megapixels",
        code: "import matplotlib.pyplot as plt\nplt.figure(figsize=(200, 100), dpi=100); plt.plot([1, 2]);",
        expect: /instead of \d+ x \d+/,
      },
      {
        name: "thirty figures",
        code:
          "import matplotlib.pyplot as plt\nfor n in range(30): plt.figure(figsize=(1, 1)); plt.plot([n])",
        expect: /\[image 20\] [^]*\[20 of 30 displays shown\]/,
      },
      {
        name: "an endless __repr__",
        code: "class A:\n    def __repr__(self): return repr(self)\nA()",
        expect: /RecursionError/,
      },
      {
        name: "a __repr__ that loops",
        code: "class A:\n    def __repr__(self):\n        while True: pass\nA()",
        timeout: 1,
        expect: /\[timeout, /,
      },
      {
        name: "an error whose __str__ raises",
        code: "class E(Exception):\n    def __str__(self): raise RuntimeError('no')\nraise E()",
        expect: /\[error\].*\n[^]*E/,
      },
      {
        name: "an error of ten megabytes",
        code: "raise ValueError('x' * 10**7)",
        expect: /\d{7,8} characters left out/,
      },
      {
        name: "three thousand errors in a chain",
        code:
          "last = None\nfor n in range(3000):\n    error = ValueError(n); error.__cause__ = last; last = error\nraise last",
        expect: /characters left out; import traceback; traceback\.print_last\(\) prints all of it\]/,
      },
      {
        name: "NUL, invalid UTF-8, escapes, lone surrogates",
        code:
          "import os\nos.write(1, b'\\x00\\xff\\x80abc\\xc3')\nprint('\\ud800\\x1b]52;c;aGk=\\x07\\u202e')",
        expect: /\\x00\ufffd\ufffdabc[^]*\\x1b\]52;c;aGk=\\x07\\u202e/,
      },
      { name: "standard input", code: "input('more? ')", expect: /EOFError/ },
      {
        name: "the shortest timeout",
        code: "import time; time.sleep(5)",
        timeout: 0.1,
        expect: /\[timeout, In\[\d+\], 0\.\d+ s \(.*\), variables kept\]$/,
      },
    ]);
  });
});

Deno.test("background processes print into later cells, are reported once and do not stop cells", async () => {
  await withScene({}, async ({ client, target }) => {
    const left = await client.run(
      target,
      `import os, threading, time
def late():
    while True: print("LATE"); time.sleep(0.001)
threading.Thread(target=late, daemon=True).start()
child = os.fork()
if child == 0:
    os.setsid()
    if os.fork() == 0:
        while True: os.write(1, b"LATEST"); time.sleep(0.001)
    os._exit(0)
os.waitpid(child, 0)
time.sleep(0.3)`,
      2,
    );
    assert.match(left.text, /\[1 process, first seen after this cell, runs in the background/);
    let next = { text: "" };
    // A cell that comes at once may come before any output, because the processor quota of the sandbox is used up.
    await eventually(async () => {
      next = await client.run(target, "time.sleep(0.5); print('mine')");
      return next.text.startsWith("[output since the last cell, stdout]");
    }, "output comes between two cells");
    assert.match(next.text, /^\[output since the last cell, stdout\]\n[^]*\[stdout\]\n[^]*LATE/);
    assert.match(next.text, /\[ok, /);
    assert.doesNotMatch(next.text, /run on/);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    // PID 1, the zygote, the subreaper, the kernel and the background processes.
    const processes = await client.run(
      target,
      "sum(open(f'/proc/{n}/cmdline').read() != '' for n in os.listdir('/proc') if n.isdigit())",
    );
    assert.match(processes.text, /\[value\]\n5\n/);
  });
});
