/** What the agent measures of an execution: processor time, memory, changed files. */
import assert from "node:assert/strict";
import { Sandbox } from "./sandbox.ts";

const MIB = 1024 * 1024;

Deno.test("the agent measures each execution", async (t) => {
  await using sandbox = await Sandbox.start();
  await sandbox.state("idle");
  await sandbox.cell("import os, subprocess, sys, time");

  await t.step("processor time of the cell and of the programs that it starts", async () => {
    const idle = await sandbox.cell("time.sleep(1)");
    const busy = "until = time.process_time() + 0.5\nwhile time.process_time() < until: pass\n";
    const own = await sandbox.cell(busy);
    const child = await sandbox.cell(
      `subprocess.run([sys.executable, '-c', ${JSON.stringify(`import time\n${busy}`)}])`,
    );
    const cpu = [idle, own, child].map(({ result }) => result.cpuMs ?? -1);
    assert.ok((cpu[0] ?? -1) >= 0 && (cpu[0] ?? 0) < 400, `asleep for 1 s: ${cpu[0]} ms`);
    assert.ok((cpu[1] ?? 0) >= 490, `busy for 0.5 s: ${cpu[1]} ms`);
    assert.ok((cpu[2] ?? 0) >= 490, `a child busy for 0.5 s: ${cpu[2]} ms`);
  });

  await t.step("peak memory, also one that is lower than an earlier cell's", async () => {
    const takes = (mib: number) => `x = bytearray(b'x') * ${mib * MIB}; time.sleep(0.5); del x`;
    const small = (await sandbox.cell("1")).result.peakMemoryBytes ?? 0;
    const high = (await sandbox.cell(takes(400))).result.peakMemoryBytes ?? 0;
    const after = (await sandbox.cell("1")).result.peakMemoryBytes ?? 0;
    const lower = (await sandbox.cell(takes(200))).result.peakMemoryBytes ?? 0;
    assert.ok(small > MIB && small < 300 * MIB, `a trivial cell: ${small}`);
    assert.ok(high >= small + 390 * MIB, `400 MiB: ${high}`);
    assert.ok(after < small + 150 * MIB, `the next trivial cell: ${after}`);
    assert.ok(lower >= small + 190 * MIB && lower < high - 100 * MIB, `200 MiB: ${lower}`);
  });

  await t.step("what a killed cell used", async () => {
    const cell = await sandbox.cell(
      "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nopen('/workspace/before', 'w').close()\nwhile True: pass",
      { timeout_ms: 300 },
    );
    assert.equal(cell.result.kernel, "restarted");
    assert.ok((cell.result.cpuMs ?? 0) >= 300);
    assert.deepEqual(cell.result.files, { changed: ["before"], count: 1, complete: true });
  });
});

Deno.test("the agent finds the files that an execution has changed", async (t) => {
  await using sandbox = await Sandbox.start();
  await sandbox.state("idle");
  const files = async (code: string) => (await sandbox.cell(code)).result.files;
  const none = { changed: [], count: 0, complete: true };

  await t.step("new, appended, overwritten in place, renamed", async () => {
    const code = "import os\nos.makedirs('a/b')\nfor name in ('new', 'a/b/deep'): open(name, 'w').write('1')";
    assert.deepEqual(await files(code), { changed: ["a/b/deep", "new"], count: 2, complete: true });
    assert.deepEqual(await files("1"), none);
    assert.deepEqual(await files("open('new', 'a').write('2')"), { ...none, changed: ["new"], count: 1 });
    const mapped = "import mmap\nwith open('new', 'r+b') as file: mmap.mmap(file.fileno(), 0)[0:1] = b'9'";
    assert.deepEqual(await files(mapped), { ...none, changed: ["new"], count: 1 });
    assert.deepEqual(await files("os.rename('new', 'a/moved')"), {
      ...none,
      changed: ["a/moved"],
      count: 1,
    });
    assert.deepEqual(await files("open('a/moved').read()"), none);
  });

  await t.step("a change with a forged time of modification", async () => {
    const code = "open('a/moved', 'a').write('2'); os.utime('a/moved', (0, 0))";
    assert.deepEqual(await files(code), { ...none, changed: ["a/moved"], count: 1 });
    const forged = "os.utime('a/moved', (2**32, 2**32)); time = __import__('time').time()";
    await files(forged);
    assert.deepEqual(await files("1"), none, "a time in the future is not a change in each cell");
  });

  await t.step(
    "neither hidden files, caches, folders, FIFOs nor links, and nothing behind a link",
    async () => {
      const code = [
        "os.makedirs('.packages'); os.makedirs('__pycache__'); os.makedirs('folder')",
        "for name in ('.packages/x', '.hidden', '__pycache__/x.pyc', '/tmp/outside'): open(name, 'w').close()",
        "os.mkfifo('fifo'); os.symlink('/tmp', 'link'); os.symlink('/tmp/outside', 'link2')",
      ].join("\n");
      assert.deepEqual(await files(code), none);
    },
  );

  await t.step("a cell's changes are not the next one's, however soon it follows", async () => {
    for (let round = 0; round < 20; round += 1) {
      assert.deepEqual((await files("open('quick', 'a').write('x')")).changed, ["quick"]);
      assert.deepEqual(await files("1"), none);
    }
  });

  await t.step("names of any bytes, and paths that are too long to list", async () => {
    const code = [
      "open(b'\\xff\\n]', 'w').close()",
      "os.makedirs('/'.join(['d' * 200] * 3)); open('/'.join(['d' * 200] * 3) + '/file', 'w').close()",
    ].join("\n");
    assert.deepEqual(await files(code), { changed: ["\ufffd\n]"], count: 2, complete: true });
  });

  await t.step("at most fifty are listed, all are counted", async () => {
    const found = await files("os.mkdir('many')\nfor n in range(200): open(f'many/{n}', 'w').close()");
    assert.equal(found.changed.length, 50);
    assert.equal(found.count, 200);
  });

  await t.step(
    "20,000 files do not keep the agent from its work, and what was not seen is said",
    async () => {
      const found = await files("os.mkdir('lots')\nfor n in range(20_000): open(f'lots/{n}', 'w').close()");
      assert.ok(found.count > 50);
      const cell = sandbox.cell("open('one', 'w').close()");
      const { result: { files: { count, complete } } } = await cell;
      assert.ok(count === 1 || !complete, JSON.stringify({ count, complete }));
      await sandbox.cell("import shutil; shutil.rmtree('lots')");
    },
  );

  await t.step("a folder without end is given up", async () => {
    const code =
      "top = os.getcwd()\nfor n in range(500): os.mkdir('x'); os.chdir('x')\nopen('bottom', 'w').close(); os.chdir(top)";
    assert.deepEqual(await files(code), { changed: [], count: 0, complete: false });
  });
});
