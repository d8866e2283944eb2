import assert from "node:assert/strict";
import { eventually } from "../../fixtures/eventually.ts";
import { sandboxIdIn } from "../../../src/cli/demo/client.ts";
import { continuation, ended } from "../../fixtures/mcp/executions.ts";
import { inNewSandbox, newSandbox, sharedServer, withServer } from "../../fixtures/server.ts";

const shared = sharedServer({ OMCP_DATABASE_URL: "none", OMCP_OUTPUT_KIB: "8" });

Deno.test("execute_python_code through MCP", async (t) => {
  await inNewSandbox(shared(), async (server, sandbox_id) => {
    async function run(code: string, timeout?: number) {
      return await server.call("execute_python_code", {
        sandbox_id,
        code,
        // The tool accepts a number as text, too.
        ...(timeout === undefined ? {} : { timeout: String(timeout) }),
      });
    }

    await t.step("does not count the kernel's start as the first cell's time", async () => {
      // Shorter than a start on a slow machine, and longer than the first cell on a busy one; unit/sandbox/manager has the order of events.
      assert.match((await run("1 + 1", 1)).text, /^\[value\]\n2\n\[ok, In\[1\]/);
    });

    await t.step(
      "says that no database is configured, and advises none where there is no network",
      async () => {
        const connections = [
          "import psycopg; psycopg.connect()",
          "import psycopg; psycopg.connect(host='localhost', dbname='cdm')",
          "import sqlalchemy; sqlalchemy.create_engine('postgresql+psycopg://').connect()",
        ];
        for (const code of connections) {
          assert.match((await run(code)).text, /No database can be reached from code here/, code);
        }
        const other = await run(
          "import sqlalchemy; sqlalchemy.create_engine('sqlite://').connect().exec_driver_sql('select * from nope')",
        );
        assert.match(other.text, /no such table/);
        assert.doesNotMatch(other.text, /No database can be reached from code here/);
        const { text } = await run("import socket; socket.create_connection(('192.0.2.1', 80), 2)");
        assert.match(text, /There is no network in a sandbox: read files in \/workspace\.\n/);
      },
    );

    await t.step("labels a note once", async () => {
      const codes = [
        "import sys; sys.exit(0)",
        "import matplotlib.pyplot as plt\nfor n in range(40): plt.figure(); plt.plot([n])",
      ];
      for (const code of codes) assert.match((await run(code)).text, /^\[note\] \w/m, code);
    });

    await t.step("keeps state between cells and returns the last expression", async () => {
      assert.equal((await run("x = 41")).isError, false);
      const reply = await run("x + 1");
      assert.match(reply.text, /\[value\]\n42/);
      assert.match(
        reply.text,
        /\n\[ok, In\[\d+\], [\d.]+ s \(CPU [\d.]+ s, peak memory \d+ MiB\), variables kept\]$/,
      );
    });

    await t.step("separates stdout from stderr, also of child processes", async () => {
      const reply = await run(
        "import os, sys; print('one'); print('two', file=sys.stderr); os.system('echo three; echo four >&2')",
      );
      assert.match(reply.text, /\[stdout\]\n(?:.*\n)?three|one/);
      for (const word of ["one", "two", "three", "four"]) assert.ok(reply.text.includes(word), word);
    });

    await t.step("returns an error with its name, value and a traceback without our frames", async () => {
      const reply = await run("def f(): return 1 / 0\nf()");
      assert.equal(reply.isError, true);
      assert.match(reply.text, /ZeroDivisionError: division by zero/);
      assert.doesNotMatch(reply.text, /kernel\.|omcp|site-packages/);
    });

    await t.step("returns every figure as a PNG", async () => {
      const reply = await run(
        "import matplotlib.pyplot as plt\nfor n in (1, 2):\n    plt.figure(); plt.plot([1, n])",
      );
      assert.equal(reply.images.length, 2);
      for (const { mimeType, bytes } of reply.images) {
        assert.equal(mimeType, "image/png");
        assert.equal(new TextDecoder("latin1").decode(bytes.slice(1, 4)), "PNG");
      }
    });

    await t.step("removes colours, collapses progress bars, escapes other control characters", async () => {
      const reply = await run(
        "print('\\x1b]52;c;aGk=\\x07\\x1b[31mred\\x1b[0m'); print('10%\\r50%\\r100%\\r\\x1b[Kdone'); '\\ud8ff'",
      );
      assert.match(reply.text, /\\x1b\]52;c;aGk=\\x07red\ndone\n/);
      assert.match(reply.text, /'\\ud8ff'/);
    });

    await t.step("clear_output() clears what was printed", async () => {
      const code =
        "from IPython.display import clear_output\nfor n in range(3):\n    clear_output(wait=True); print('frame', n)";
      const { text } = await server.call("execute_python_code", { sandbox_id, code });
      assert.match(text, /^\[stdout\]\nframe 2\n\[ok, /);
    });

    await t.step("a long stdout hides neither a line of stderr nor the value", async () => {
      const reply = await run(
        "import sys; print('y' * 100_000); print('careful', file=sys.stderr); sum(range(10))",
      );
      assert.match(reply.text, /\[stderr\]\ncareful\n[^]*\[value\]\n45\n/);
    });

    await t.step("truncates long output and states its size", async () => {
      const reply = await run("print('y' * 1_000_000)");
      assert.match(reply.text, /… \[[\d.]+ KiB left out here\] …/);
      assert.match(reply.text, /\[stdout had 976\.6 KiB in all/);
      assert.ok(reply.text.length < 9000);
    });

    await t.step("what is left out of a value or a traceback has a size and a way to it", async () => {
      const value = await run("'v' * 100_000");
      const print = /… \[9\d{4} characters left out; (print\(Out\[\d+\]\)) prints all of it\] …/.exec(
        value.text,
      )?.[1];
      const path = /read_file with path (\S+) returns all of it/.exec((await run(print ?? "")).text)?.[1];
      const end = await server.call("read_file", { sandbox_id, path, offset: -11 });
      assert.match(end.text, /\nvvvvvvvvvv/);
      const error = await run(
        "def f(n):\n    if n == 0: raise ValueError('e' * 50_000 + 'END')\n    f(n - 1)\nf(3)",
      );
      assert.match(
        error.text,
        /characters left out; import traceback; traceback\.print_last\(\) prints all of it\] …/,
      );
      assert.match(
        (await run("import traceback; traceback.print_last()")).text,
        /stderr had [\d.]+ KiB in all; read_file/,
      );
    });

    await t.step("values that share a result are read one by one with get_execution", async () => {
      const both = await run("display({'text/plain': 'a' * 6000}, raw=True); 'b' * 6000");
      const next =
        /\[values, displays or tracebacks are shown in part; get_execution\((\{.*\})\) returns them one by one\]/
          .exec(both.text)?.[1];
      const first = await server.call("get_execution", JSON.parse(next ?? "null"));
      assert.match(first.text, /a{6000}/);
      const { execution_id, since } = continuation(first.text);
      const second = await server.call("get_execution", { execution_id, since });
      assert.match(second.text, /'b{6000}'/);
      assert.doesNotMatch(second.text, /shown in part/);
    });

    await t.step("interrupts an endless loop at its timeout and keeps the variables", async () => {
      const reply = await run("while True: pass", 1);
      assert.match(reply.text, /\[timeout, In\[\d+\], 1\.\d s \(.*\), variables kept\]$/);
      assert.match((await run("x")).text, /41/);
    });

    await t.step("replaces a kernel that does not yield, and says that its state is lost", async () => {
      const reply = await run(
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
        1,
      );
      assert.match(reply.text, /\[timeout, .*kernel (?:restarted|does not stop)[^\]]*\]$/);
      assert.match((await run("'x' in globals()")).text, /False/);
    });

    await t.step("reports that the process died, and continues with a new one", async () => {
      const reply = await run("import ctypes; ctypes.string_at(0)");
      assert.match(reply.text, /\[kernel_died \(the Python process ended: killed by SIGSEGV\), .*\]$/);
      assert.match((await run("1 + 1")).text, /2/);
    });

    await t.step("survives a fork bomb", async () => {
      await run("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", 0.5);
      // Clearing the bomb may take longer than a call waits.
      const { text } = await run("6 * 7", 60);
      const running = text.includes("\nexecution_id: ");
      assert.match(running ? await ended(server, continuation(text).execution_id) : text, /42/);
    });
  });
});

Deno.test("the result of a cell that waited for another states the wait", async () => {
  await inNewSandbox(shared(), async (server, sandbox_id) => {
    const [, second] = await Promise.all([
      server.call("execute_python_code", { sandbox_id, code: "import time; time.sleep(1.5)" }),
      server.call("execute_python_code", { sandbox_id, code: "2" }),
    ]);
    assert.match(
      second.text,
      /\[waited [\d.]+ s for another cell of this context\]/,
    );
  });
});

Deno.test("invalid input is a tool error that names the argument", async () => {
  const server = shared();
  for (
    const sandbox_id of [
      "../x",
      "%2e%2e",
      "x?force=1",
      "",
      "sbx_" + "0".repeat(31),
      "sbx_" + "0".repeat(31) + "G",
    ]
  ) {
    const reply = await server.call("execute_python_code", { sandbox_id, code: "1" });
    assert.equal(reply.isError, true, sandbox_id);
    assert.match(
      reply.text,
      /^Error invalid_argument: sandbox_id: .*\nState: Nothing was done\.\nNext: .*\nretryable: no$/,
    );
  }
  const missing = await server.call("execute_python_code", {
    sandbox_id: "sbx_" + "0".repeat(32),
    code: "1",
  });
  assert.match(missing.text, /sandbox_not_found/);
  for (const timeout of [-1, 0, 1e308, "NaN"]) {
    assert.equal(
      (await server.call("create_sandbox", { idle_timeout: timeout })).isError,
      true,
      String(timeout),
    );
  }
  assert.match((await server.call("create_sandbox", { idle_time: 60 })).text, /idle_time/);
});

Deno.test("list_sandboxes and remove_sandbox report each state of a sandbox", async () => {
  await withServer({ OMCP_DATABASE_URL: "none", OMCP_MAX_SANDBOXES: "1" }, async (server) => {
    const sandbox_id = await newSandbox(server);
    assert.match((await server.call("create_sandbox", {})).text, /capacity/);
    const listed = await server.call("list_sandboxes", { include_inactive: null });
    assert.match(
      listed.text,
      new RegExp(`${sandbox_id}  idle  0 cells .*  idle until \\d{4}-.*Z  ends at \\d{4}-.*Z$`),
    );
    const running = server.call("execute_python_code", { sandbox_id, code: "import time; time.sleep(30)" });
    await eventually(
      async () => (await server.call("list_sandboxes", {})).text.includes("busy"),
      "it is busy",
    );
    assert.match((await server.call("remove_sandbox", { sandbox_id })).text, /sandbox_busy/);
    assert.equal((await server.call("remove_sandbox", { sandbox_id, force: true })).isError, false);
    assert.equal((await running).isError, true);
    assert.match((await server.call("remove_sandbox", { sandbox_id })).text, /sandbox_not_found/);
    assert.equal((await server.call("list_sandboxes", {})).text, "There are no sandboxes.");
    const short = await server.call("create_sandbox", { idle_timeout: 90 });
    assert.match(short.text, /removes it after 90 s without a call/);
    await server.call("remove_sandbox", { sandbox_id: sandboxIdIn(short.text) });
    assert.match(
      (await server.call("create_sandbox", { timeout: 91 })).text,
      /after 91 s/,
      "its earlier name",
    );
    assert.match(
      (await server.call("list_sandboxes", { include_inactive: true })).text,
      /removed on request/,
    );
  });
});
