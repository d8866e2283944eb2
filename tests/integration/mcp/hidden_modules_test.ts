/** Files of the user's that are named as modules which the server's own code in a sandbox imports. */
import assert from "node:assert/strict";
import { newSandbox, withServer } from "../../fixtures/server.ts";

/** What the server's code imports, and what that imports; the last two would be if there were such packages. */
const NAMES = [
  ...[
    "omcp",
    "psycopg",
    "psycopg_binary",
    "pandas",
    "numpy",
    "pyarrow",
    "dateutil",
    "matplotlib",
    "cycler",
    "PIL",
  ],
  ...["vl_convert", "json", "typing", "datetime", "statistics", "zlib", "queue", "bottleneck", "psycopg_c"],
];
/** A package that replaces pandas, by its name only: the next kernel has no module imported ahead. */
const NOTHING_AHEAD = "/workspace/.packages/pandas.txt";
const WRITE = `from pathlib import Path
Path("${NOTHING_AHEAD}").parent.mkdir()
Path("${NOTHING_AHEAD}").touch()
for name in ${JSON.stringify(NAMES)}:
    Path(name + ".py").write_text("raise OSError(__file__)")
for name in ("helpers", "tables"):
    Path(name + ".py").write_text("MINE = True")`;
const PERSONS = { table: "person", group_by: ["gender_concept_id"], aggregates: [{ fn: "count" }] };

Deno.test("files named as modules do not hide those that the server's code in a sandbox imports", async (t) => {
  await withServer({}, async (server) => {
    const sandbox_id = await newSandbox(server);
    const call = async (name: string, input: Record<string, unknown> = {}) =>
      (await server.call(name, { sandbox_id, ...input })).text;
    const run = (code: string) => call("execute_python_code", { code });
    await run(WRITE);
    await call("restart_kernel");

    await t.step("the tools that leave a DataFrame", async () => {
      assert.match(await call("query_omop", { ...PERSONS, into: "typed" }), /2 rows/);
      assert.match(await call("run_sql", { sql: "select 1 as one", into: "rows" }), /1 row/);
      const outcome = { items: [{ concept_id: 201826, include_descendants: true }] };
      const survival = await call("analyze_cohort", { analysis: "survival", outcome, into: "curve" });
      assert.match(survival, /the DataFrame `curve`[\s\S]*\[image 1\] steps: Free of the outcome/);
      assert.match(await run("print(typed['count'].sum(), rows.shape)"), /^\[stdout\]\n1000 \(1, 1\)\n/);
    });

    await t.step(
      "the package omcp and figures, where the path has the folder by its name as well",
      async () => {
        const text = await run(`import sys
sys.path.insert(0, "/workspace")
import psycopg, omcp
print(omcp.sql("select count(*) n from person").n[0], omcp.concepts("diabetes").shape[0] > 0)
import matplotlib.pyplot as plt
plt.plot([1, 2], label="two")`);
        assert.match(text, /^\[stdout\]\n1000 True\n/);
        assert.match(text, /Figure/, text);
      },
    );

    await t.step("all that these import is protected", async () => {
      const text = await run(`import importlib, sys
for name in ("vl_convert", "PIL.Image", "matplotlib.dates"):
    importlib.import_module(name)
from omcp_kernel import protected_modules
found = {name.partition(".")[0] for name, module in sys.modules.items() if getattr(module, "__file__", None)}
print(sorted(name for name in found - protected_modules.NAMES if not name.startswith("_")))`);
      // The image's, which Python imports at its start.
      assert.match(text, /^\[stdout\]\n\['omcp_home', 'sitecustomize'\]\n/);
    });

    await t.step("other names are the user's, and an error says which file is hidden", async () => {
      assert.match(
        await run("import helpers, tables\nprint(helpers.MINE, tables.MINE)"),
        /^\[stdout\]\nTrue True\n/,
      );
      for (const code of ["import queue\nqueue.MINE", "from queue import MINE"]) {
        assert.match(
          await run(code),
          /queue\.py was not imported: queue is a module of Python's library, or/,
        );
      }
      assert.doesNotMatch(await run("import calendar\ncalendar.MINE"), /not imported/);
    });
  });
});
