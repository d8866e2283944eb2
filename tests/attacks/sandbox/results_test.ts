/** Code that wants its results to say what is not true, or to use up memory with its output. */
import assert from "node:assert/strict";
import { runTable, withScene } from "../neighbours.ts";

/** Finds the kernel's own objects in its process, and adds to what they report. */
const FORGES = `
import gc
kernel = next(each for each in gc.get_objects() if type(each).__name__ == "Kernel" and hasattr(each, "_send_to_agent"))
send = kernel._send_to_agent
claims = {
    "files": {"changed": ["forged.csv"], "count": 1, "complete": True},
    "saved": {"stdout": {"path": "/outputs/forged/stdout", "bytes": 1, "complete": True}, "stderr": None},
    "cpu_ms": 0, "peak_memory_bytes": 1, "elapsed_ms": 0,
}
kernel._send_to_agent = lambda message: send({**message, **claims, "result": claims, "output": claims})
`;

/** Tries every way that Linux offers to the memory and the descriptors of another process, and names like the agent's. */
const REACHES = `
import ctypes, glob, os
found = []
def tries(what, action):
    try: found.append((what, action()))
    except OSError: pass
libc = ctypes.CDLL(None, use_errno=True)
for pid in (1, os.getppid()):
    tries("fd", lambda: os.listdir(f"/proc/{pid}/fd"))
    tries("map_files", lambda: os.listdir(f"/proc/{pid}/map_files"))
    tries("mem", lambda: os.open(f"/proc/{pid}/mem", os.O_RDWR))
    for fd in range(3, 512):
        tries("open", lambda: os.open(f"/proc/{pid}/fd/{fd}", os.O_RDWR))
        tries("trunc", lambda: os.truncate(f"/proc/{pid}/fd/{fd}", 0))
tries("outputs", lambda: os.makedirs("/outputs/x"))
tries("list", lambda: os.listdir("/outputs"))
pidfd = libc.syscall(434, 1, 0)
for fd in range(3, 512):
    if libc.syscall(438, pidfd, fd, 0) >= 0: found.append("pidfd_getfd")
own = os.memfd_create("output")
os.write(own, b"forged" * 1000)
for fd in os.listdir("/proc/self/fd"):
    try: target = os.readlink(f"/proc/self/fd/{fd}")
    except OSError: continue
    if "memfd:output" in target and int(fd) != own: found.append(target)
os.makedirs("/workspace/outputs", exist_ok=True)
os.symlink("/workspace/outputs", "/workspace/o")
print("reached:", found)
`;

Deno.test("a kernel cannot forge what the agent measures, nor change what an earlier cell printed", async (t) => {
  await withScene({}, async (scene) => {
    const { client, target } = scene;

    await t.step("files, use and output of a result are the agent's", async () => {
      await client.run(target, FORGES);
      const burns =
        "x = bytearray(b'x') * (50 << 20)\nfor _ in range(5_000_000): pass\nopen('true.csv', 'w').close()";
      const { text } = await client.run(target, burns);
      assert.match(text, /^\[files changed: true\.csv\]\n\[ok, /);
      assert.doesNotMatch(text, /forged/);
      const [, cpu, memory] = /CPU ([\d.]+) s, peak memory (\d+) MiB/.exec(text) ?? [];
      assert.ok(Number(cpu) > 0 && Number(memory) > 50, text);
    });

    await t.step("the copy of an earlier cell's output", async () => {
      const printed = await client.run(target, "for n in range(20_000): print('genuine', n)");
      const path = /read_file with path (\/outputs\/exec_[0-9a-f]{32}\/stdout) returns all of it/.exec(
        printed.text,
      )?.[1];
      assert.ok(path !== undefined, printed.text);
      const read = async (offset: number) =>
        (await client.call("read_file", { sandbox_id: target, path, offset, limit: 2000 })).text;
      const before = [await read(0), await read(-2000)];
      assert.match(before[0] ?? "", /genuine 0\ngenuine 1\n/);
      assert.match(before[1] ?? "", /genuine 19999$/);
      assert.match((await client.run(target, REACHES)).text, /^\[stdout\]\nreached: \[\]\n/);
      for (
        const [tool, input] of Object.entries({
          write_file: { path, text: "forged", overwrite: true },
          delete_file: { path },
          move_file: { path, to: "/workspace/x" },
        })
      ) {
        assert.equal((await client.call(tool, { sandbox_id: target, ...input })).isError, true, tool);
      }
      assert.deepEqual([await read(0), await read(-2000)], before);
      await client.call("delete_file", { sandbox_id: target, path: "o" });
    });
  });
});

Deno.test("printing 1 GB in many cells stays bounded, in the sandbox and in the server", async (t) => {
  await withScene({}, async (scene) => {
    const { client, target } = scene;
    const used = async () => {
      const code =
        "import os\npaths = '/sys/fs/cgroup/memory.current', '/sys/fs/cgroup/memory/memory.usage_in_bytes'\n" +
        "print(next(int(open(path).read()) for path in paths if os.path.exists(path)))";
      return Number(/^\[stdout\]\n(\d+)\n/.exec((await client.run(target, code)).text)?.[1]);
    };
    await runTable(t, scene, [{
      name: "one cell",
      code: "import sys\nfor _ in range(1000): sys.stdout.write('x' * 1_000_000)",
      timeout: 60,
      expect:
        /\[stdout had 953\.7 MiB in all; read_file with path \S+ returns its first 112\.0 MiB, in pieces\]\n\[ok/,
    }]);
    const before = await used();
    const cells = Array.from({ length: 25 }, (_, nth) => ({
      name: `cell ${nth}`,
      code: "for _ in range(20): sys.stdout.write('x' * 1_000_000); sys.stderr.write('e' * 1_000_000)",
      timeout: 60,
      expect: /stdout had 19\.1 MiB[^]*stderr had 19\.1 MiB/,
    }));
    await runTable(t, scene, cells);
    const after = await used();
    // All copies together have at most 128 MiB.
    assert.ok(after - before < 160 * 1024 * 1024, `from ${before} to ${after}`);
  });
});

Deno.test("a workspace full of files delays no result, and the result says what was not looked at", async (t) => {
  await withScene({}, async (scene) => {
    await runTable(t, scene, [
      {
        name: "60,000 files",
        code: "for n in range(60_000): open(f'/workspace/{n}', 'w').close()",
        timeout: 60,
        expect:
          /\[files changed: .* and [\d,]+ more(?:; some of \/workspace was not looked at: too many files, or a folder that cannot be read)?\]\n\[ok/,
      },
      { name: "the next cell", code: "print('here')", timeout: 5, expect: /^\[stdout\]\nhere\n/ },
      {
        name: "folders in folders",
        code:
          "import os, shutil\nfor name in os.listdir('/workspace'): os.unlink(f'/workspace/{name}')\nfor n in range(3000): os.mkdir('x'); os.chdir('x')",
        timeout: 60,
        expect: /\[ok/,
      },
      { name: "all of it is gone", code: "os.chdir('/'); os.system('rm -rf /workspace/x')", expect: /\[ok/ },
    ]);
  });
});
