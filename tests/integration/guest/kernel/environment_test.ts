/** `env` and `cwd` of an execution. */
import assert from "node:assert/strict";
import { Sandbox } from "./sandbox.ts";

/** What a program that a cell starts sees. */
const SEEN =
  "import os, subprocess\nprint(subprocess.run(['sh', '-c', 'echo $A-$B-$C'], capture_output=True, text=True).stdout.strip(), os.getcwd())";

Deno.test("env and cwd of an execution end with it", async (t) => {
  await using sandbox = await Sandbox.start();
  await sandbox.state("idle");
  await sandbox.cell("import os; os.mkdir('/workspace/data'); os.mkdir('/workspace/gone')");

  await t.step("the cell and the programs that it starts have them, the next cell does not", async () => {
    const cell = await sandbox.cell(SEEN, { env: { A: "1", B: "é\n=", C: "" }, cwd: "/workspace/data" });
    assert.equal(cell.stdout, "1-é =- /workspace/data\n");
    const next = await sandbox.cell(`${SEEN}\nprint('A' in os.environ, os.getenv('B'))`);
    assert.equal(next.stdout, "-- /workspace\nFalse None\n");
  });

  await t.step("a relative folder is under /workspace, wherever the kernel is", async () => {
    await sandbox.cell("os.chdir('/tmp')");
    assert.equal(
      (await sandbox.cell("print(os.getcwd())", { cwd: "data/../data" })).stdout,
      "/workspace/data\n",
    );
    assert.equal((await sandbox.cell("print(os.getcwd())")).stdout, "/tmp\n");
    await sandbox.cell("os.chdir('/workspace')");
  });

  await t.step(
    "what the cell itself sets: named variables and the folder come back, others stay",
    async () => {
      await sandbox.cell("os.environ.update(A='own', B='own')");
      const code = "os.environ.update(A='x', C='x'); os.environ.pop('B'); os.chdir('/tmp')";
      await sandbox.cell(code, { env: { A: "1", B: "2" }, cwd: "/workspace/data" });
      assert.equal((await sandbox.cell(SEEN)).stdout, "own-own-x /workspace\n");
      await sandbox.cell("os.chdir('/tmp'); os.environ['A'] = 'x'", { env: { C: "1" } });
      assert.equal((await sandbox.cell(SEEN)).stdout, "x-own-x /tmp\n", "os.chdir() without cwd lasts");
      await sandbox.cell("os.chdir('/workspace'); [os.environ.pop(name) for name in 'ABC']");
    },
  );

  await t.step("they end with an exception and with an interrupt, too", async () => {
    const options = { env: { A: "1" }, cwd: "/workspace/data" };
    assert.equal((await sandbox.cell("1 / 0", options)).result.status, "error");
    assert.equal((await sandbox.cell(SEEN)).stdout, "-- /workspace\n");
    const overrun = await sandbox.cell("while True: pass", { ...options, timeout_ms: 300 });
    assert.deepEqual([overrun.result.status, overrun.result.kernel], ["timeout", "kept"]);
    assert.equal((await sandbox.cell(SEEN)).stdout, "-- /workspace\n");
  });

  await t.step(
    "a cell that replaces os.environ or closes all descriptors changes nothing of that",
    async () => {
      const replaced =
        "os.environ = {'A': 'x'}; os.chdir = os.fchdir = None; import posix; posix.chdir('/tmp')";
      await sandbox.cell(replaced, { env: { A: "1" }, cwd: "/workspace/data" });
      const code = "import importlib; importlib.reload(os); print(os.getcwd(), os.environ.get('A'))";
      assert.equal((await sandbox.cell(code)).stdout, "/workspace None\n");
      const closed = "import os\nfor fd in range(3, 64):\n    try: os.close(fd)\n    except OSError: pass";
      await sandbox.cell(closed, { cwd: "/workspace/data" });
      assert.equal((await sandbox.cell("import os; print(os.getcwd())")).stdout, "/workspace\n");
    },
  );

  await t.step("a folder that cannot be one is an error, and the cell does not run", async () => {
    await sandbox.cell("open('/workspace/file', 'w').close(); os.mkdir('/workspace/closed', 0o000); ran = 0");
    const params = {
      code: "ran += 1",
      timeout_ms: 1000,
      max_output_bytes: 0,
      max_text_characters: 0,
      silent: false,
      env: {},
    };
    const refused = async (cwd: string) => {
      const { error } = await sandbox.call("execute", { ...params, execution: "exec_1", cwd });
      return JSON.stringify(error);
    };
    assert.match(
      await refused("missing"),
      /"invalid_argument".*Cannot use \/workspace\/missing as the working folder: No such file.*did not run/,
    );
    assert.match(await refused("/workspace/file"), /Not a directory/);
    assert.match(await refused("/workspace/closed"), /Permission denied/);
    assert.equal((await sandbox.cell("ran")).value, "0");
  });

  await t.step("a folder that the kernel was in and that is gone is left and found again", async () => {
    await sandbox.cell("os.chdir('/workspace/gone'); os.rmdir('/workspace/gone')");
    assert.equal((await sandbox.cell("print(os.getcwd())", { cwd: "data" })).stdout, "/workspace/data\n");
    assert.equal((await sandbox.cell("os.getcwd()")).error?.ename, "FileNotFoundError");
  });
});
