/** The agent's copies of what executions print. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import * as z from "zod";
import { Sandbox } from "./sandbox.ts";

const MIB = 1024 * 1024;
/** The containers of these tests have 1 GiB: all copies take a 16th, and one takes 7/8 of that. */
const MOST_OF_ONE = 56 * MIB;

const SAVED = z.object({
  saved: z.record(z.string(), z.object({ bytes: z.number(), sha256: z.string(), text: z.string() })),
});

/** What the file service would read, by path, the oldest first. */
async function saved(sandbox: Sandbox) {
  return SAVED.parse((await sandbox.call("saved"))["result"]).saved;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

Deno.test("the agent keeps a whole copy of what a cell prints", async (t) => {
  await using sandbox = await Sandbox.start();
  await sandbox.state("idle");
  const options = { max_output_bytes: 2000 };

  await t.step("a copy begins with the first byte, and has the output of child processes", async () => {
    const code = "import os\nprint('é' * 3000)\nos.system('seq 10000')\nprint('end')";
    const cell = await sandbox.cell(code, { ...options, execution: "exec_a" });
    const expected = `${"é".repeat(3000)}\n${
      Array.from({ length: 10_000 }, (_, n) => `${n + 1}\n`).join("")
    }end\n`;
    const bytes = new TextEncoder().encode(expected).length;
    assert.deepEqual(cell.result.saved, {
      stdout: { path: "/outputs/exec_a/stdout", bytes, complete: true },
      stderr: null,
    });
    assert.ok(cell.result.output.stdout.kept < bytes);
    const { "/outputs/exec_a/stdout": copy } = await saved(sandbox);
    assert.deepEqual([copy?.bytes, copy?.sha256], [bytes, sha256(expected)]);
  });

  await t.step("a copy may have bytes that are not text", async () => {
    const code = "import sys; sys.stderr.buffer.write(bytes(range(256)) * 10); sys.stderr.flush()";
    const { result } = await sandbox.cell(code, { ...options, execution: "exec_b" });
    assert.deepEqual(result.saved.stderr, { path: "/outputs/exec_b/stderr", bytes: 2560, complete: true });
    const { "/outputs/exec_b/stderr": copy } = await saved(sandbox);
    const expected = createHash("sha256").update(
      Uint8Array.from({ length: 2560 }, (_, at) => at % 256),
    );
    assert.equal(copy?.sha256, expected.digest("hex"));
  });

  await t.step("a short stream has no copy, and a silent execution has none", async () => {
    const short = await sandbox.cell("print('x' * 1023)", { execution: "exec_c" });
    assert.deepEqual(short.result.saved, { stdout: null, stderr: null });
    const silent = await sandbox.cell("print('x' * 100_000)", { execution: "exec_d", silent: true });
    assert.deepEqual(silent.result.saved, { stdout: null, stderr: null });
    assert.deepEqual(Object.keys(await saved(sandbox)), ["/outputs/exec_a/stdout", "/outputs/exec_b/stderr"]);
  });

  await t.step("the copy of a cell that is killed has all that it printed", async () => {
    const code =
      "import os, signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nos.write(1, b'x' * 50_000)\nwhile True: pass";
    const { result } = await sandbox.cell(code, { ...options, timeout_ms: 500, execution: "exec_e" });
    assert.equal(result.kernel, "restarted");
    assert.deepEqual(result.saved.stdout, { path: "/outputs/exec_e/stdout", bytes: 50_000, complete: true });
  });
});

Deno.test("the copies of output have bounds, and say so", async (t) => {
  await using sandbox = await Sandbox.start();
  await sandbox.state("idle");
  const options = { max_output_bytes: 2000, timeout_ms: 60_000 };
  const PRINTS = "import sys\nfor _ in range(%): sys.stdout.write('x' * 1_000_000)";

  await t.step("1 GB in one cell is cut", async () => {
    const { result } = await sandbox.cell(PRINTS.replace("%", "1000"), { ...options, execution: "exec_0" });
    assert.equal(result.output.stdout.bytes, 1_000_000_000);
    assert.deepEqual(result.saved.stdout, {
      path: "/outputs/exec_0/stdout",
      bytes: MOST_OF_ONE,
      complete: false,
    });
  });

  await t.step("many copies drop the oldest", async () => {
    for (let nth = 1; nth <= 6; nth += 1) {
      await sandbox.cell(PRINTS.replace("%", "20"), { ...options, execution: `exec_${nth}` });
    }
    const kept = await saved(sandbox);
    assert.deepEqual(
      Object.entries(kept).map(([path, { bytes }]) => [path, bytes]),
      [4, 5, 6].map((nth) => [`/outputs/exec_${nth}/stdout`, 20_000_000]),
    );
  });

  await t.step("a thousand small copies drop the oldest", async () => {
    for (let nth = 0; nth < 300; nth += 1) {
      await sandbox.cell("print('x' * 2000)", { ...options, execution: `exec_s${nth}` });
    }
    const kept = Object.keys(await saved(sandbox));
    assert.equal(kept.length, 256);
    assert.equal(kept.at(-1), "/outputs/exec_s299/stdout");
  });

  await t.step("a cell that takes almost all memory is not killed by its own output", async () => {
    const code = [
      "import os",
      "paths = '/sys/fs/cgroup/memory.current', '/sys/fs/cgroup/memory/memory.usage_in_bytes'",
      "used = next(int(open(path).read()) for path in paths if os.path.exists(path))",
      "x = bytearray(b'x') * ((1 << 30) - used - (10 << 20))",
      PRINTS.replace("%", "30"),
      "len(x) >> 29",
    ].join("\n");
    const { result, value } = await sandbox.cell(code, { ...options, execution: "exec_m" });
    assert.deepEqual([result.status, result.kernel, value], ["ok", "kept", "1"]);
    assert.equal(result.oomKills, 0);
    assert.equal(result.saved.stdout?.complete ?? false, false);
  });
});
