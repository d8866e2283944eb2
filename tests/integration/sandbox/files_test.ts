/** The files of a real sandbox through `sandbox.files`. */
import assert from "node:assert/strict";
import { DockerRuntime } from "../../../src/runtime/docker/mod.ts";
import { DEFAULT_POLICY, type Sandbox, type SandboxManagerOptions } from "../../../src/sandbox/mod.ts";
import { concatBytes } from "../../../src/lib/bytes.ts";
import { OmcpError } from "../../../src/errors.ts";
import { connectTestEngine, newInstance } from "../../fixtures/server.ts";
import { sandboxManager } from "../../fixtures/sandbox_manager.ts";

const MIB = 1024 * 1024;
const encoder = new TextEncoder();

async function withSandbox(
  test: (sandbox: Sandbox) => Promise<void>,
  options: Partial<SandboxManagerOptions> = {},
): Promise<void> {
  const engine = await connectTestEngine();
  const manager = sandboxManager(new DockerRuntime(engine), newInstance(), options);
  try {
    await test(await manager.create());
  } finally {
    await manager.close();
    engine.close();
  }
}

async function cell(sandbox: Sandbox, code: string): Promise<string> {
  const { status, outputs } = await sandbox.execute(code, { timeoutMs: 60_000, outputBytes: 10_000 });
  const text = outputs.map((output) => output.type === "stream" ? output.text : JSON.stringify(output)).join(
    "",
  );
  assert.equal(status, "ok", text);
  return text;
}

async function readAll(sandbox: Sandbox, path: string, limit = 64 * MIB): Promise<Uint8Array> {
  const { bytes } = await sandbox.files.read(path, { limit });
  return concatBytes(await Array.fromAsync(bytes));
}

async function code(work: Promise<unknown>): Promise<string> {
  const error = await work.then(() => undefined, (thrown: unknown) => thrown);
  assert(error instanceof OmcpError, `it did not fail as it should: ${String(error)}`);
  return error.code;
}

/** Random bytes: whatever is in a file passes, the channel's marker included. */
function random(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
  return bytes;
}

Deno.test("files of a sandbox", async (t) => {
  await withSandbox(async (sandbox) => {
    const { files } = sandbox;

    await t.step("a written file has its bytes, for cells and for reads", async () => {
      const bytes = random(3 * MIB + 17);
      assert.deepEqual(
        await files.write("data/in/a.bin", [bytes], { overwrite: false, size: bytes.length }),
        {
          size: bytes.length,
          replaced: false,
        },
      );
      const printed = await cell(
        sandbox,
        "import hashlib, os; print(hashlib.sha256(open('data/in/a.bin', 'rb').read()).hexdigest(), os.listdir('data/in'), oct(os.stat('data/in/a.bin').st_mode))",
      );
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", Uint8Array.from(bytes))).toHex();
      assert.equal(printed, `${digest} ['a.bin'] 0o100644\n`);
      assert.deepEqual(await readAll(sandbox, "/workspace/data/in/a.bin"), bytes);
    });

    await t.step("a read has an offset, from the end too, and a limit", async () => {
      await files.write("digits", [encoder.encode("0123456789")], { overwrite: true });
      for (
        const [offset, limit, expected] of [[0, 4, "0123"], [8, 10, "89"], [-3, 2, "78"], [-99, 1, "0"], [
          10,
          1,
          "",
        ], [99, 5, ""]] as const
      ) {
        const read = await files.read("digits", { offset, limit });
        const bytes = concatBytes(await Array.fromAsync(read.bytes));
        assert.equal(new TextDecoder().decode(bytes), expected);
        assert.deepEqual([read.size, read.length, read.changed()], [10, expected.length, false]);
      }
    });

    await t.step("they work while a cell runs", async () => {
      const running = sandbox.execute("while True: pass", { timeoutMs: 3000, outputBytes: 1000 });
      await files.write("during", [encoder.encode("x")], { overwrite: true });
      assert.equal((await readAll(sandbox, "during")).length, 1);
      assert.equal((await files.stat("during")).kind, "file");
      assert.equal((await running).status, "timeout");
    });

    await t.step("the saved output of an execution can be read, and is read-only", async () => {
      const { saved } = await sandbox.execute("for n in range(5000): print(n)", {
        timeoutMs: 20_000,
        outputBytes: 100,
      });
      assert(saved.stdout !== null);
      const text = new TextDecoder().decode(await readAll(sandbox, saved.stdout.path));
      assert.equal(text, Array.from({ length: 5000 }, (_, n) => `${n}\n`).join(""));
      assert.equal(await code(files.write(saved.stdout.path, [], { overwrite: true })), "invalid_argument");
      assert.equal(await code(files.remove(saved.stdout.path)), "invalid_argument");
      assert.equal(await code(files.read("/outputs/other/stdout", { limit: 1 })), "file_not_found");
    });

    await t.step("100 MiB pass in both directions, and the server keeps none of it", async () => {
      const block = random(MIB);
      function* hundred() {
        for (let n = 0; n < 100; n += 1) yield block;
      }
      const before = Deno.memoryUsage().rss;
      assert.equal(
        (await files.write("big", hundred(), { overwrite: true, size: 100 * MIB })).size,
        100 * MIB,
      );
      const { bytes, changed } = await files.read("big", { limit: 1000 * MIB });
      let at = 0;
      for await (const chunk of bytes) {
        const [first] = chunk;
        assert.equal(first, block[at % MIB]);
        at += chunk.length;
      }
      assert.deepEqual([at, changed()], [100 * MIB, false]);
      const grown = Deno.memoryUsage().rss - before;
      assert(grown < 80 * MIB, `the process grew by ${grown}`);
      const printed = await cell(
        sandbox,
        "import hashlib; print(hashlib.sha256(open('big', 'rb').read()).hexdigest())",
      );
      const whole = new Uint8Array(100 * MIB);
      for (let n = 0; n < 100; n += 1) whole.set(block, n * MIB);
      assert.equal(printed.trim(), new Uint8Array(await crypto.subtle.digest("SHA-256", whole)).toHex());
      await files.remove("big");
    });

    await t.step("overwriting must be asked for", async () => {
      assert.equal(
        await code(files.write("digits", [encoder.encode("x")], { overwrite: false })),
        "file_exists",
      );
      assert.equal(new TextDecoder().decode(await readAll(sandbox, "digits")), "0123456789");
      assert.deepEqual(await files.write("digits", [], { overwrite: true }), { size: 0, replaced: true });
    });

    await t.step("an upload that fails leaves nothing, not even its folders", async () => {
      async function* failing() {
        yield random(100_000);
        await Promise.resolve();
        throw new Error("the source failed");
      }
      await assert.rejects(files.write("new/er/file", failing(), { overwrite: true }), /the source failed/);
      assert.equal(await code(files.stat("new")), "file_not_found");
      assert.equal(
        await code(files.write("new/file", [random(10)], { overwrite: true, size: 11 })),
        "file_changed",
      );
      assert.equal(await code(files.stat("new")), "file_not_found");
    });

    await t.step("what does not fit is refused before anything is written, or leaves nothing", async () => {
      const { free, size } = await files.space();
      assert.equal(size, DEFAULT_POLICY.workspace.bytes);
      assert.equal(
        await code(files.write("big", [random(10)], { overwrite: true, size: free + 1 })),
        "workspace_full",
      );
      await cell(sandbox, `open("filler", "wb").write(b"x" * (${free} - 5_000_000)); print()`);
      function* six() {
        for (let n = 0; n < 60; n += 1) yield random(100_000);
      }
      assert.equal(await code(files.write("big", six(), { overwrite: true })), "workspace_full");
      await files.remove("filler");
      assert((await files.space()).free > free - MIB);
    });

    await t.step("a folder is listed with totals, and removed", async () => {
      await cell(
        sandbox,
        "import os; os.makedirs('many/deep/er'); [open(f'many/{n:03}', 'w').write('xy') for n in range(300)]; open('many/deep/er/z', 'w').write('z'); os.symlink('/etc/passwd', 'many/link'); os.mkfifo('many/fifo'); os.makedirs('many/.hidden/x')",
      );
      const flat = await files.list("many", { limit: 3 });
      assert.deepEqual(flat.entries.map(({ path }) => path), [".hidden", "000", "001"]);
      assert.deepEqual([flat.files, flat.folders, flat.links, flat.others, flat.bytes], [300, 2, 1, 1, 600]);
      const deep = await files.list("many", { depth: 9 });
      assert.deepEqual(deep.entries.slice(-5).map(({ path, kind, target }) => [path, kind, target]), [
        ["deep", "folder", null],
        ["deep/er", "folder", null],
        ["deep/er/z", "file", null],
        ["fifo", "other", null],
        ["link", "link", "/etc/passwd"],
      ]);
      assert.deepEqual([deep.closedFolders, deep.complete], [1, true]);
      assert.equal(await code(files.remove("many")), "path_unsuitable");
      assert.deepEqual(await files.remove("many", { recursive: true }), { removed: 308 });
      assert.equal(await code(files.list("many")), "file_not_found");
    });

    await t.step("a folder of any depth is removed", async () => {
      await cell(
        sandbox,
        "import os\nos.mkdir('pit'); os.chdir('pit')\nfor _ in range(5_000): os.mkdir('d'); open('f', 'w').close(); os.chdir('d')\nos.chdir('/workspace')",
      );
      assert.deepEqual(await files.remove("pit", { recursive: true }), { removed: 10_001 });
    });

    await t.step("files and folders are moved", async () => {
      await files.write("one", [encoder.encode("1")], { overwrite: true });
      await files.write("two", [encoder.encode("2")], { overwrite: true });
      assert.equal(await code(files.move("one", "two")), "file_exists");
      assert.deepEqual(await files.move("one", "two", { overwrite: true }), { replaced: true });
      assert.deepEqual(await files.move("two", "in/side/one"), { replaced: false });
      assert.deepEqual(await files.move("in", "out"), { replaced: false });
      assert.equal(new TextDecoder().decode(await readAll(sandbox, "out/side/one")), "1");
      assert.equal(await code(files.move("out", "out/side/x")), "invalid_argument");
      assert.equal(await code(files.move("nothing", "new/x")), "file_not_found");
      assert.equal(await code(files.stat("new")), "file_not_found");
    });

    await t.step(
      "a move out of a folder that cannot be written to leaves the file where it was",
      async () => {
        await cell(
          sandbox,
          "import os; os.mkdir('ro'); open('ro/f', 'w').write('f'); os.chmod('ro', 0o555)",
        );
        assert.equal(await code(files.move("ro/f", "new/f")), "path_unsuitable");
        assert.equal(await code(files.stat("new")), "file_not_found");
        assert.deepEqual(await readAll(sandbox, "ro/f"), encoder.encode("f"));
      },
    );
  });
});

Deno.test("a call about files counts as use, and ends with its deadline and its signal", async () => {
  await withSandbox(async (sandbox) => {
    const { files } = sandbox;
    await cell(sandbox, "open('big', 'wb').write(b'x' * 50_000_000); print()");
    const read = await files.read("big", { limit: 1e9 }, { deadlineMs: 300 });
    assert(files.busy);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(await code(Array.fromAsync(read.bytes)), "timeout");
    assert(!files.busy);
    const controller = new AbortController();
    const second = await files.read("big", { limit: 1e9 }, { signal: controller.signal });
    controller.abort(new Error("enough"));
    assert.equal(await code(Array.fromAsync(second.bytes)), "cancelled");
    async function* endless() {
      while (true) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        yield random(10);
      }
    }
    assert.equal(
      await code(files.write("w", endless(), { overwrite: true }, { deadlineMs: 200 })),
      "timeout",
    );
    assert.deepEqual((await files.list(".")).entries.map(({ path }) => path), ["big"]);
    const third = await files.read("big", { limit: 1e9 });
    await third.bytes.cancel();
    assert.equal((await files.stat("big")).size, 50_000_000);
    assert(!files.busy);
  });
});
