/** The zygote imports in steps, and can fork between any two of them. */
import assert from "node:assert/strict";
import { eventually } from "../../../fixtures/eventually.ts";
import { Sandbox } from "./sandbox.ts";

/** Modules that the zygote imports: the second one takes until the agent orders a fork. */
const MODULES = {
  "kernel.early": "",
  "kernel.gate": "import select\nselect.select([3], [], [])",
};
const PRELOAD = ["omcp_kernel.early", "omcp_kernel.gate", "pandas", "matplotlib.pyplot"];
const IMPORTED = `import sys; [name in sys.modules for name in ${JSON.stringify(PRELOAD)}]`;
/** Whether the first two are loaded depends on when the order arrives. */
const SOME = /^\[(?:True|False), (?:True|False), False, False\]$/;

Deno.test("a cell that arrives during the imports gets a kernel with what is loaded so far, and imports the rest itself", async (t) => {
  await using sandbox = await Sandbox.start({ preload: PRELOAD, modules: MODULES });
  assert.match((await sandbox.cell(IMPORTED)).value ?? "", SOME);
  const shared = "import gc, sys; all(object is not sys.__dict__ for object in gc.get_objects())";
  assert.equal(
    (await sandbox.cell(shared)).value,
    "True",
    "collections leave alone what it shares with the zygote",
  );

  await t.step("modules that it imports itself are set up as those that were imported ahead", async () => {
    const options = "[pandas.get_option('display.' + name) for name in ('width', 'max_columns')]";
    assert.equal((await sandbox.cell(`import pandas\n${options}`)).value, "[200, 40]");
    const drawn = await sandbox.cell(
      "import matplotlib, matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show(); matplotlib.get_backend()",
    );
    assert.equal(drawn.value, "'module://omcp_kernel.figures'");
    assert.equal(drawn.events.filter(({ type }) => type === "display_data").length, 1);
  });

  await t.step("the zygote goes on: a later kernel has everything", async () => {
    await eventually(
      async () => {
        await sandbox.call("restart");
        return (await sandbox.cell(IMPORTED)).value === "[True, True, True, True]";
      },
      "a kernel with all modules",
      30_000,
    );
    const figure = await sandbox.cell("import matplotlib; matplotlib.get_backend()");
    assert.equal(figure.value, "'module://omcp_kernel.figures'");
  });
});

Deno.test("a server that waits for a kernel gets one during the imports, and one that does not gets one with everything", async () => {
  await using awaited = await Sandbox.start({ preload: PRELOAD, modules: MODULES });
  await using other = await Sandbox.start({ preload: ["pandas"] });
  assert.deepEqual((await awaited.call("start_kernel"))["result"], {});
  await awaited.state("idle");
  assert.match((await awaited.cell(IMPORTED)).value ?? "", SOME);
  await other.state("idle");
  assert.equal((await other.cell("import sys; 'pandas' in sys.modules")).value, "True");
});

Deno.test("a kernel starts although one module cannot be imported ahead and another fails at its set-up", async () => {
  await using sandbox = await Sandbox.start({
    preload: ["omcp_kernel.broken", "absent"],
    // Without its finder, a pandas of the user's own takes the place of the installed one, as in an image that has another.
    modules: {
      "kernel.broken": "1 / 0",
      "kernel.protected_modules": "NAMES = frozenset()\ndef protect(): pass",
    },
  });
  await sandbox.state("idle");
  await sandbox.cell("import os; os.makedirs('own'); open('own/pandas.py', 'w').write('x = 1')");
  const cell = await sandbox.cell("import sys; sys.path.insert(0, 'own'); import pandas; pandas.x");
  assert.equal(cell.value, "1");
});

Deno.test("modules whose import waits are imported at the request `preload`; a cell before that gets a kernel without them", async () => {
  await using sandbox = await Sandbox.start({ preload: ["numpy"], preloadWaits: true });
  const imported = "import sys; 'numpy' in sys.modules";
  assert.equal((await sandbox.cell(imported)).value, "False");
  await sandbox.call("restart");
  assert.equal((await sandbox.cell(imported)).value, "False");
  await sandbox.call("preload");
  await eventually(
    async () => {
      await sandbox.call("restart");
      return (await sandbox.cell(imported)).value === "True";
    },
    "a kernel with numpy",
    30_000,
  );
  await using unused = await Sandbox.start({ preload: ["numpy"], preloadWaits: true });
  await unused.call("preload");
  await unused.state("idle");
  // The collector does not see what the zygote has frozen: the rest, this kernel has imported itself.
  const own = `import gc, sys
seen = {id(o) for o in gc.get_objects()}
[name for name, module in sys.modules.items() if name.startswith('importlib') and id(module) in seen]`;
  assert.equal((await unused.cell(own)).value, "[]", "what each cell begins with is imported ahead, too");
  assert.equal((await unused.cell(imported)).value, "True");
});
