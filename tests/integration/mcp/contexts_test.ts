import assert from "node:assert/strict";
import { eventually } from "../../fixtures/eventually.ts";
import { continuation, ended } from "../../fixtures/mcp/executions.ts";
import { newSandbox, withServer } from "../../fixtures/server.ts";

/** A fork bomb that ignores interrupts, whose processes leave their sessions. */
const BOMB =
  "import os, signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    try:\n        if os.fork() == 0: os.setsid()\n    except OSError: pass";

Deno.test("contexts: a client runs cells in two at once, and bombs, restarts and removes one while the other counts", async () => {
  await withServer({}, async (server) => {
    const sandbox_id = await newSandbox(server);
    async function cell(code: string, context?: string, timeout = 20): Promise<string> {
      const more = context === undefined ? {} : { context };
      return (await server.call("execute_python_code", { sandbox_id, code, timeout, ...more })).text;
    }
    assert.match(await cell("x = 'of default'"), /\[ok, In\[1\]/);
    assert.match(await cell("x = 'of b'", "b"), /\[ok, In\[1\]/);

    const counting = await server.call("execute_python_code", {
      sandbox_id,
      code:
        "import os, time\nn = 0\nwhile not os.path.exists('stop'):\n    print(n); n += 1; time.sleep(0.02)\nx",
      context: "b",
      timeout: 300,
      wait: 0,
    });
    const { execution_id } = continuation(counting.text);
    const listed = (await server.call("list_contexts", { sandbox_id })).text;
    assert.match(
      listed,
      /^2 contexts:\ndefault {2}idle {2}1 cell {2}0 background processes\nb {2}busy {2}2 cells {2}/,
    );
    assert.match(
      (await server.call("list_sandboxes", { sandbox_id })).text,
      new RegExp(`${execution_id} {2}execute_python_code {2}running {2}context b {2}`),
    );

    assert.match(await cell(BOMB, undefined, 1), /\[timeout, /);
    assert.match(await cell("'x' in globals()"), /\nFalse\n/);
    assert.match(
      (await server.call("restart_kernel", { sandbox_id })).text,
      /^Restarted the kernel of sandbox /,
    );

    await cell("import subprocess; left = subprocess.Popen(['sleep', '600'], start_new_session=True)", "c");
    assert.match(
      (await server.call("restart_kernel", { sandbox_id, context: "c", remove: true })).text,
      /^Removed context c of sandbox .*: its variables are lost.* Interrupted 0 executions\.$/,
    );
    assert.match(
      (await server.call("list_contexts", { sandbox_id })).text,
      /^2 contexts:\ndefault .*\nb {2}busy/,
    );
    await refused(
      server.call("restart_kernel", { sandbox_id, context: "c" }),
      /has no context c; it has default, b/,
    );
    await refused(
      server.call("restart_kernel", { sandbox_id, remove: true }),
      /Cannot remove the context default/,
    );

    const query = { table: "person", columns: ["person_id"], into: "persons", limit: 5 };
    const death = { analysis: "prevalence", outcome: { death: true }, into: "deaths" };
    for (
      const [tool, input, left] of [
        ["query_omop", query, /DataFrame `persons`: 5 rows/],
        ["run_sql", { sql: "select 1 as one", into: "ones" }, /DataFrame `ones`: 1 row/],
        ["analyze_cohort", death, /`deaths`/],
      ] as const
    ) assert.match((await server.call(tool, { sandbox_id, context: "d", ...input })).text, left);
    assert.match(await cell("sorted({'persons', 'ones', 'deaths'} & globals().keys())"), /\n\[\]\n/);
    assert.match(await cell("len(persons), len(ones), len(deaths) > 0", "d"), /\n\(5, 1, True\)\n/);

    await cell("open('stop', 'w').close()");
    await eventually(async () => /\[ok/.test(await ended(server, execution_id)), "it ends", 60_000);
    const { text } = await server.call("get_execution", { execution_id });
    const numbers = [...text.matchAll(/^\d+$/gm)].map(([number]) => Number(number));
    assert.ok(numbers.length > 5);
    assert.deepEqual(numbers, numbers.map((_, at) => at));
    assert.match(text, /\n'of b'\n/);

    await server.call("export_notebook", { sandbox_id, context: "b", path: "b.ipynb" });
    const sources = await cell(
      "import json\n[''.join(one['source']) for one in json.load(open('b.ipynb'))['cells']]",
    );
    assert.match(sources, /# Context b of sandbox /);
    assert.match(sources, /x = 'of b'/);
    assert.doesNotMatch(sources, /of default|os\.fork/);

    for (const name of ["e", "f", "g", "h", "i"]) assert.match(await cell("1", name), /\[ok/);
    await refused(
      server.call("execute_python_code", { sandbox_id, code: "1", context: "ninth" }),
      /^Error capacity: Sandbox sbx_\w+ has 8 contexts already: default, b, d, e, f, g, h, i\.\n/,
    );
    await refused(
      server.call("execute_python_code", { sandbox_id, code: "1", context: "No" }),
      /context: must begin with a small letter/,
    );
  });
});

async function refused(
  call: Promise<{ readonly isError: boolean; readonly text: string }>,
  why: RegExp,
): Promise<void> {
  const { isError, text } = await call;
  assert.equal(isError, true);
  assert.match(text, why);
}
