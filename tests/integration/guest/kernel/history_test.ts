import assert from "node:assert/strict";
import { GUEST_MODULES } from "../../../../src/guest/mod.ts";
import { Sandbox } from "./sandbox.ts";

/** The number of cells that a kernel of this test remembers; the real limit, a thousand, takes too long for a test. */
const KEPT = 50;
const history = (GUEST_MODULES["kernel.history"] ?? "").replace(
  /^KEPT_CELLS = 1000$/m,
  `KEPT_CELLS = ${KEPT}`,
)
  .replace(/^_DEFINITIONS_BYTES = .*$/m, "_DEFINITIONS_BYTES = 30_000");

const KINDS: readonly ((n: number) => string)[] = [
  (n) => `x = ${n}\nx + 1`,
  (n) => `def f(a):\n    return a * ${n}\nf(2)`,
  (n) => `print('cell', ${n})`,
  (n) => `raise ValueError('number ${n}')`,
  (n) => `display(${n})`,
  () => "text = 'x' * 20_000\ntext",
  () => "class C: pass\nC()",
  () => "import asyncio; await asyncio.sleep(0)",
  () => "%time sum(range(10))",
  () => "import time",
];

Deno.test("a kernel remembers its last cells, and its memory does not grow with older ones", async (t) => {
  assert.match(history, /KEPT_CELLS = 50/);
  await using sandbox = await Sandbox.start({ modules: { "kernel.history": history } });
  await sandbox.state("idle");

  await t.step("In, Out and their variables", async () => {
    await sandbox.cell("'first'");
    await sandbox.cell("def old(): return 1 / 0");
    await sandbox.cell("_1 = 'my own'");
    await sandbox.cell("import weakref\nclass Big: pass\nBig()");
    await sandbox.cell("seen = weakref.ref(_)");
    for (let n = 6; n <= KEPT + 10; n += 1) await sandbox.cell(`${n}`);
    assert.equal(
      (await sandbox.cell(`In[${KEPT}], Out[${KEPT}], _${KEPT}, _i${KEPT}, len(In)`)).value,
      `('${KEPT}', ${KEPT}, ${KEPT}, '${KEPT}', ${KEPT + 12})`,
    );
    assert.equal(
      (await sandbox.cell("In[1], 1 in Out, '_i1' in globals(), _1")).value,
      "('', False, False, 'my own')",
    );
    assert.equal((await sandbox.cell("import gc; gc.collect(); seen() is None")).value, "True");
    // Tracebacks through functions of forgotten cells still show source lines.
    assert.match(
      (await sandbox.cell("old()")).error?.traceback ?? "",
      /line 1, in old\n +def old\(\): return 1 \/ 0/,
    );
    assert.equal(
      (await sandbox.cell("import inspect; inspect.getsource(old)")).value,
      "'def old(): return 1 / 0\\n'",
    );
  });

  await t.step("memory", async () => {
    async function run(cells: number): Promise<void> {
      for (let n = 0; n < cells; n += 1) await sandbox.cell(KINDS[n % KINDS.length]?.(n) ?? "");
    }
    async function size(): Promise<number> {
      await sandbox.cell("import gc; gc.collect(); None");
      return Number((await sandbox.cell("tracemalloc.get_traced_memory()[0]")).value);
    }
    await sandbox.cell("import tracemalloc; tracemalloc.start()");
    await run(200);
    const before = await size();
    await run(400);
    const growth = (await size() - before) / 400;
    // 16 bytes for two list slots; tracemalloc itself keeps each cell's name. Without the bound it is above a thousand.
    assert.ok(growth < 300, `${growth} bytes a cell`);
  });
});
