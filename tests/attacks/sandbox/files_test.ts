/** Code in a sandbox against the tools for its files: nothing outside /workspace is reached, and every call ends. */
import assert from "node:assert/strict";
import { type Answer } from "../../fixtures/mcp/raw_client.ts";
import { repetitions } from "../../fixtures/load.ts";
import { assertInTime, assertNeighbourSound, type Scene, withScene } from "../neighbours.ts";

/** A call about files takes at most this, in seconds. */
const CALL_SECONDS = 30;
/** Rounds of calls while code exchanges what their paths name. */
const ROUNDS = repetitions(60);
const SECRET = "OUTSIDE-SECRET";

/** Makes a folder outside /workspace that its own user may change: only the file service keeps calls out of it. */
const OUTSIDE = `
import os, time, threading, shutil
os.makedirs("/tmp/outside/in", exist_ok=True)
for name in ("f", "in/f"): open("/tmp/outside/" + name, "w").write("${SECRET}")
def put(path, kind):
    "Replaces what is at a path by a folder, a link out, a file, a FIFO: by a rename, so that there is always something."
    fresh = path + ".fresh"
    try:
        if kind == "folder":
            os.makedirs(fresh + "/in"); [open(fresh + "/" + n, "w").write("mine") for n in ("f", "in/f")]
        elif kind == "link": os.symlink("/tmp/outside", fresh)
        elif kind == "file link": os.symlink("/tmp/outside/f", fresh)
        elif kind == "file": open(fresh, "w").write("mine")
        elif kind == "fifo": os.mkfifo(fresh)
        try: os.rename(path, path + ".old")
        except OSError: pass
        os.rename(fresh, path)
    except OSError: pass
    for rest in (path + ".old", fresh):
        shutil.rmtree(rest, ignore_errors=True)
        try: os.unlink(rest)
        except OSError: pass
print("ready")
`;
const EXCHANGE = `
end = time.time() + 60
while time.time() < end and not os.path.exists("/workspace/stop"):
    for kind in ("folder", "link"): put("/workspace/d", kind)
    for kind in ("file", "file link", "fifo"): put("/workspace/f", kind)
os.path.exists("/workspace/stop")
`;

async function call(
  { client, target }: Scene,
  tool: string,
  input: Record<string, unknown>,
): Promise<Answer> {
  const answer = await client.call(tool, { sandbox_id: target, ...input });
  assertInTime(answer, CALL_SECONDS);
  assert(answer.isError === answer.text.startsWith("Error "), answer.text);
  assert.doesNotMatch(answer.text, /^Error (internal|sandbox_lost|channel_failed)/);
  return answer;
}

Deno.test("whatever code does to its files, requests for files stay in /workspace and the agent responds", async (t) => {
  await withScene({ OMCP_WORKSPACE_MIB: "64" }, async (scene) => {
    const { client, target } = scene;
    async function run(code: string, timeout = 60): Promise<string> {
      return (await client.run(target, code, timeout)).text;
    }
    async function assertSound(): Promise<void> {
      assert.match(
        (await call(scene, "write_file", { path: "sound", text: "sound" })).text,
        /^Wrote 5 bytes/,
      );
      assert.match((await call(scene, "read_file", { path: "sound" })).text, /\nsound$/);
      await assertNeighbourSound(scene);
    }
    assert.match(await run(OUTSIDE), /ready/);

    await t.step("while code exchanges folders and files for links and FIFOs", async () => {
      const running = client.run(target, EXCHANGE, 90);
      const seen = new Set<string>();
      for (let round = 0; round < ROUNDS; round += 1) {
        const answers = await Promise.all([
          call(scene, "read_file", { path: "d/f" }),
          call(scene, "read_file", { path: "d/in/f" }),
          call(scene, "read_file", { path: "f" }),
          call(scene, "write_file", { path: `d/w${round % 5}`, text: "written" }),
          call(scene, "write_file", { path: "f", text: "written" }),
          call(scene, "move_file", { path: "d/in/f", to: "d/moved", overwrite: true }),
          call(scene, "move_file", { path: "sound", to: "d/in/sound", overwrite: true }),
          call(scene, "delete_file", { path: "d/in", recursive: true }),
          call(scene, "delete_file", { path: "d/f" }),
          call(scene, "list_files", { path: "d", recursive: true }),
        ]);
        for (const { text, isError } of answers) {
          assert(!text.includes(SECRET), text);
          seen.add(isError ? /^Error (\w+)/.exec(text)?.[1] ?? "" : "ok");
        }
      }
      await call(scene, "write_file", { path: "stop", text: "" });
      assert.match((await running).text, /True/);
      // Both sides of the race were met.
      for (const outcome of ["ok", "path_unsuitable"]) assert(seen.has(outcome), [...seen].join());
      assert.match(
        await run("print(sorted((f, n, open(f + '/f').read()) for f, _, n in os.walk('/tmp/outside')))"),
        new RegExp(
          `\\[\\('/tmp/outside', \\['f'\\], '${SECRET}'\\), \\('/tmp/outside/in', \\['f'\\], '${SECRET}'\\)\\]`,
        ),
      );
      await assertSound();
    });

    await t.step("a file on which code holds a lease, and FIFOs with and without a writer", async () => {
      const text = await run(`
import fcntl, signal
signal.signal(signal.SIGIO, signal.SIG_IGN)
lease = open("/workspace/leased", "w+"); fcntl.fcntl(lease, fcntl.F_SETLEASE, fcntl.F_WRLCK)
os.mkfifo("/workspace/fifo"); os.mkfifo("/workspace/open-fifo"); fifo = os.open("/workspace/open-fifo", os.O_RDWR); os.write(fifo, b"${SECRET}")
print("held")`);
      assert.match(text, /held/);
      for (const path of ["leased", "fifo", "open-fifo"]) {
        assert.match((await call(scene, "read_file", { path })).text, /^Error path_unsuitable/);
      }
      assert.match(
        (await call(scene, "write_file", { path: "fifo", text: "x" })).text,
        /^Error path_unsuitable/,
      );
      assert.match((await call(scene, "write_file", { path: "leased", text: "x" })).text, /^Wrote 1 byte/);
      await assertSound();
    });

    await t.step("a sparse file of 1 TiB, and a file that grows all the time", async () => {
      await run(`
open("/workspace/sparse", "wb").truncate(1 << 40)
def grow():
    with open("/workspace/log", "ab", buffering=0) as file:
        while not os.path.exists("/workspace/stop-log"):
            file.write(b"a line of a log\\n" * 64)
            if file.tell() > 20_000_000: file.truncate(0); file.seek(0)
threading.Thread(target=grow).start()`);
      assert.match(
        (await call(scene, "read_file", { path: "sparse" })).text,
        /^\[sparse: 1048576\.0 MiB, binary/,
      );
      assert.match(
        (await call(scene, "read_file", { path: "sparse", offset: -3, limit: 3 })).text,
        /\nAAAA\n\[the file has no data: it is a hole of zeros\]$/,
      );
      for (let round = 0; round < ROUNDS; round += 1) {
        await call(scene, "read_file", { path: "log", ...(round % 2 === 0 ? {} : { offset: -1000 }) });
      }
      await run("open('/workspace/stop-log', 'w').close(); time.sleep(0.5); os.unlink('/workspace/log')");
      await assertSound();
    });

    await t.step("a folder whose content keeps growing while it is deleted and listed", async () => {
      const running = client.run(
        target,
        `
os.makedirs("/workspace/many", exist_ok=True)
end = time.time() + 5
made = 0
while time.time() < end:
    made += 1
    try:
        os.makedirs(f"/workspace/many/{made % 7}/{made % 5}/{made % 3}", exist_ok=True)
        open(f"/workspace/many/{made % 7}/{made % 5}/{made % 3}/{made % 101}", "w").close()
    except OSError: pass
made > 100`,
        60,
      );
      for (let round = 0; round < 20; round += 1) {
        await Promise.all([
          call(scene, "delete_file", { path: "many", recursive: true }),
          call(scene, "list_files", { path: "many", recursive: true }),
        ]);
      }
      assert.match((await running).text, /True/);
      await assertSound();
    });

    await t.step("more calls at once than may run", async () => {
      const paths = Array.from({ length: 200 }, (_, n) => `flood/${n % 40}/f${n % 3}`);
      const answers = await Promise.all(paths.flatMap((path) => [
        call(scene, "write_file", { path, text: "x".repeat(50_000) }),
        call(scene, "read_file", { path }),
      ]));
      for (const { text } of answers) assert.match(text, /^(Wrote|\[flood|Error (capacity|file_not_found))/);
      await call(scene, "delete_file", { path: "flood", recursive: true });
      await assertSound();
    });

    await t.step("no space, and a folder without permissions", async () => {
      const five = new Uint8Array(5 * 1024 * 1024).toBase64();
      const written = [];
      for (let n = 0; n < 20; n += 1) {
        written.push((await call(scene, "write_file", { path: `up/${n}`, base64: five })).text);
      }
      const full = written.findIndex((text) => text.startsWith("Error workspace_full: "));
      assert(full > 5 && written.slice(full).every((text) => text.startsWith("Error workspace_full: ")));
      assert.match(
        (await call(scene, "list_files", { path: "up" })).text,
        new RegExp(`^/workspace/up: ${full} files`),
      );
      await call(scene, "delete_file", { path: "up", recursive: true });
      await run("os.chmod('/workspace', 0)");
      for (const tool of ["read_file", "list_files", "delete_file"]) {
        assert.match((await call(scene, tool, { path: "sound" })).text, /^Error path_unsuitable: .*denied/);
      }
      await run("os.chmod('/workspace', 0o700)");
      await assertSound();
    });
  });
});
