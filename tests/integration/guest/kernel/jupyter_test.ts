import assert from "node:assert/strict";
import { type Outcome, Sandbox } from "./sandbox.ts";

Deno.test("cells behave as in Jupyter", async (t) => {
  await using sandbox = await Sandbox.start({ preload: ["numpy", "pandas", "matplotlib.pyplot"] });
  await sandbox.state("idle");
  async function run(...lines: string[]): Promise<Outcome> {
    return await sandbox.cell(lines.join("\n"));
  }
  async function fails(code: string, name: string, text: RegExp): Promise<void> {
    const cell = await sandbox.cell(code);
    assert.deepEqual([cell.result.status, cell.error?.ename], ["error", name], code);
    assert.match(cell.error?.traceback ?? "", text);
  }
  function notes(cell: Outcome): unknown[] {
    return cell.events.filter(({ type, note }) => type === "error" && note === true).map(({ evalue }) =>
      evalue
    );
  }

  await t.step("an error in a representation is a note", async () => {
    for (const method of ["__repr__", "_repr_html_", "_repr_png_"]) {
      const cell = await run(`class R:\n    def ${method}(self): raise ValueError('no ${method}')`, "R()");
      assert.equal(cell.result.status, "ok", method);
      assert.deepEqual(notes(cell), [`no ${method}`]);
    }
  });

  await t.step("a traceback that the cell itself shows is a note", async () => {
    const cell = await run("try: 1 / 0\nexcept ZeroDivisionError: get_ipython().showtraceback()", "7");
    assert.deepEqual([cell.result.status, notes(cell), cell.value], ["ok", ["division by zero"], "7"]);
  });

  await t.step("a debugger raises an error at once", async () => {
    for (const code of ["breakpoint()", "import pdb; pdb.set_trace()", "%debug"]) {
      await fails(code, "RuntimeError", /no debugger without standard input/);
    }
  });

  await t.step("an exception whose __str__ raises is shown with that second exception", async () => {
    const code = "class E(Exception):\n    def __getattr__(self, n): raise SystemExit(3)\nraise E()";
    await fails(code, "SystemExit", /^SystemExit/);
  });

  await t.step("the last error can be inspected", async () => {
    await run("1 / 0");
    assert.match((await run("import sys; sys.last_value")).value ?? "", /ZeroDivisionError/);
    assert.match((await run("import traceback; traceback.print_last()")).stderr, /division by zero/);
    assert.deepEqual(notes(await run("%tb")), ["division by zero"]);
  });

  await t.step("unfinished source has Python's own message", async () => {
    await fails("x = (", "SyntaxError", /'\(' was never closed/);
    await fails("def f():", "IndentationError", /expected an indented block/);
    await fails("'''abc", "SyntaxError", /unterminated triple-quoted/);
  });

  await t.step("exit ends the cell: quietly without a code, as an error with one", async () => {
    for (const code of ["exit()", "quit", "import sys; sys.exit(0)", "raise SystemExit"]) {
      await run("kept = 5");
      const cell = await run(code);
      assert.equal(cell.result.status, "ok", code);
      assert.match(
        String(cell.displays[0]?.data["text/plain"]),
        /the kernel and its variables are kept/,
        code,
      );
    }
    await fails("exit(1)", "SystemExit", /1/);
    await fails("import sys; sys.exit('why')", "SystemExit", /why/);
    assert.equal((await run("kept")).value, "5");
  });

  await t.step(
    "a task that is not awaited begins, and continues while a later cell awaits",
    async () => {
      const made = await run(
        "import asyncio",
        "async def work():\n    print('begun')\n    await asyncio.sleep(0.05)\n    print('ended')\n    return 9",
        "task = asyncio.create_task(work())",
      );
      assert.deepEqual([made.result.status, made.stdout], ["ok", "begun\n"]);
      assert.equal((await run("await task")).value, "9");
      assert.equal((await run("asyncio.run(asyncio.sleep(0, 'run'))")).value, "'run'");
      assert.equal((await run("await asyncio.create_task(asyncio.sleep(0, 'inner'))")).value, "'inner'");
    },
  );

  await t.step("a closed standard descriptor does not break later cells", async () => {
    const closings = [
      "os.close(1)",
      "os.close(2)",
      "os.close(0)",
      "[os.close(n) for n in range(3)]",
      "sys.stdout.close()",
    ];
    for (const closing of closings) {
      await run(`import os, sys; ${closing}; None`);
      const next = await run("print('out'); print('err', file=sys.stderr); os.system('echo child')");
      assert.deepEqual([next.stdout, next.stderr], ["out\nchild\n", "err\n"], closing);
    }
  });

  await t.step("a forked child's exit code is its own", async () => {
    for (
      const [ending, code] of [["pass", 0], ["sys.exit(7)", 7], ["os._exit(5)", 5], ["sys.exit()", 0], [
        "1/0",
        1,
      ]]
    ) {
      const cell = await run(
        "import os, sys",
        "pid = os.fork()",
        `if pid == 0:\n    ${ending}`,
        "else:\n    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))",
      );
      assert.equal(cell.stdout, `${code}\n`, String(ending));
    }
  });

  await t.step("a module that is rewritten within a second is reloaded in its new version", async () => {
    const cell = await run(
      "import importlib, pathlib, sys; sys.path.insert(0, '/workspace')",
      "file = pathlib.Path('/workspace/rewritten.py')",
      "file.write_text('x = 1'); import rewritten; first = rewritten.x",
      "file.write_text('x = 2'); importlib.reload(rewritten); (first, rewritten.x)",
    );
    assert.equal(cell.value, "(1, 2)");
  });

  await t.step("source, streams and builtins behave as in plain Python", async () => {
    assert.equal((await run("\ufeff1 + 1")).value, "2");
    assert.equal(
      (await run("import sys; (sys.stdout.seekable(), sys.stderr.seekable())")).value,
      "(False, False)",
    );
    const patched = await run(
      "from unittest import mock",
      "with mock.patch('builtins.open', mock.mock_open(read_data='patched')): text = open('x').read()",
      "text",
    );
    assert.equal(patched.value, "'patched'");
  });

  await t.step("source that cannot be compiled is one error, at its own line", async () => {
    for (
      const code of [
        "return 5",
        "break",
        "def f(a, a): pass",
        "if True:\n\tx = 1\n        y = 2",
        "def f():\n    await x()",
      ]
    ) {
      const cell = await run(code);
      const errors = cell.events.filter(({ type }) => type === "error");
      assert.equal(errors.length, 1, code);
      assert.equal(errors[0]?.["note"], undefined, code);
      assert.doesNotMatch(cell.error?.traceback ?? "", /codeop|tokenize/, code);
    }
  });

  await t.step("asyncio.get_event_loop() returns the loop that runs tasks", async () => {
    await run(
      "import asyncio\nasync def tell(): print('told')\ntask = asyncio.get_event_loop().create_task(tell())",
    );
    assert.equal((await run("await task; task.done()")).value, "True");
    await run("asyncio.run(tell())");
    assert.equal((await run("asyncio.get_event_loop().run_until_complete(tell())")).stdout, "told\n");
  });

  await t.step(
    "Python processes that a cell starts print without buffering, joblib's workers too",
    async () => {
      const cell = await run(
        "from joblib import Parallel, delayed",
        // In one write: those of two processes may alternate.
        "def fit(n): print(f'fold {n}\\n', end=''); return n",
        "Parallel(n_jobs=2)(delayed(fit)(n) for n in range(3))",
      );
      assert.deepEqual(cell.stdout.trim().split("\n").toSorted(), ["fold 0", "fold 1", "fold 2"]);
    },
  );

  await t.step("a traceback omits the middle of many library frames", async () => {
    const traceback = (await run(
      "import pandas as pd\nimport matplotlib.pyplot as plt\nplt.xlabel(r'$\\frac{$'); plt.show()",
    )).error?.traceback ?? "";
    assert.match(traceback, /… \d+ more frames of libraries …\n/);
    assert(traceback.length < 1500, traceback);
    const deep = "def f(n): return f(n - 1) if n else 1 / 0\nf(20)";
    assert.doesNotMatch((await run(deep)).error?.traceback ?? "", /frames of libraries/);
  });

  await t.step("%load and %recall show the code", async () => {
    await run("open('/workspace/loaded.py', 'w').write('x = 1')");
    assert.match((await run("%load /workspace/loaded.py")).stdout, /x = 1/);
  });

  await t.step("a missing module of an installed package has Python's own message", async () => {
    const cell = await run("import json.nosuch");
    assert.doesNotMatch(cell.error?.traceback ?? "", /is not installed|Did you mean/);
  });

  await t.step("an error for a missing network suggests what to do instead", async () => {
    for (
      const code of [
        "!pip install torch",
        "%pip install torch",
        "!uv pip install x",
        "%conda install x",
        "x = !pip install y",
      ]
    ) {
      await fails(code, "RuntimeError", /RuntimeError: Nothing can be installed: .*no network/);
    }
    for (
      const code of [
        "import subprocess, sys; subprocess.check_call([sys.executable, '-m', 'pip', 'install', 'humanize'])",
        "%%bash\necho begin\npip install humanize",
      ]
    ) {
      await fails(code, "CalledProcessError", /Nothing can be installed: .*no network/);
    }
    for (
      const code of [
        "import subprocess, sys; done = subprocess.run([sys.executable, '-m', 'pip', 'install', 'x'], capture_output=True)",
        "import os; _ = os.system('python3 -m pip install x')",
        "!cd /tmp && pip install x",
        "import subprocess; done = subprocess.run('pip install x; echo done', shell=True)",
        "import asyncio; p = await asyncio.create_subprocess_shell('pip install x'); _ = await p.wait()",
      ]
    ) {
      const cell = await run(code);
      assert.equal(cell.result.status, "ok", code);
      const said = cell.events.filter(({ type, note }) => type === "display_data" && note === true);
      assert.equal(said.length, 1, code);
      assert.match(JSON.stringify(said[0]), /"Nothing can be installed: .*no network/, code);
    }
    const other = await run(
      "import subprocess; subprocess.run(['false']); subprocess.run('true', shell=True)",
    );
    assert.deepEqual(other.displays, [], "what installs nothing is not noted");
    await fails(
      "import subprocess; subprocess.run(['pip', 'install', 'x'])",
      "FileNotFoundError",
      /Nothing can be/,
    );
    for (const code of ["%pip list", "%pip show numpy", "!pip list", "!python3 -m pip freeze"]) {
      await fails(code, "RuntimeError", /RuntimeError: There is no pip in a sandbox: importlib\.metadata/);
    }
    await fails("import kaleido", "ModuleNotFoundError", /kaleido draws with a browser/);
    const full = await run("with open('/dev/full', 'wb', buffering=0) as file: file.write(b'x')");
    assert.match(
      full.error?.traceback ?? "",
      /No space left on device[^]*their space is used up: delete some/,
    );
    await fails("import torch", "ModuleNotFoundError", /there is no network\. Use scikit-learn/);
    await fails("import pandsa", "ModuleNotFoundError", /Did you mean pandas\?/);
    for (
      const code of [
        "import urllib.request; urllib.request.urlopen('http://example.org')",
        "import requests; requests.get('https://example.org')",
        "import pandas; pandas.read_csv('https://example.org/x.csv')",
        "import socket; socket.create_connection(('192.0.2.1', 80), 2)",
      ]
    ) {
      const cell = await run(code);
      assert.match(cell.error?.traceback ?? "", /There is no network in a sandbox/);
      assert((cell.error?.traceback.length ?? 0) < 1000, cell.error?.traceback ?? "");
    }
  });
});
