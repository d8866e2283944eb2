/** Files between a folder of the host and a sandbox, through the real server with its own permissions. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { dockerOn } from "../../fixtures/docker/cli.ts";
import { continuation, ended } from "../../fixtures/mcp/executions.ts";
import { newSandbox, withServer } from "../../fixtures/server.ts";

const MIB = 1024 * 1024;

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "omcp-exchange-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function settings(folder: string): Record<string, string> {
  return { OMCP_DATABASE_URL: "none", OMCP_EXCHANGE_DIR: folder, OMCP_WORKSPACE_MIB: "64" };
}

function namesIn(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

Deno.test("import_file and export_file copy files between the exchange folder and a sandbox", async (t) => {
  await withFolder(async (folder) => {
    await withServer(settings(folder), async (server) => {
      const sandbox_id = await newSandbox(server);
      async function run(code: string): Promise<string> {
        return (await server.call("execute_python_code", { sandbox_id, code })).text;
      }
      const bytes = new Uint8Array(20 * MIB);
      for (let at = 0; at < bytes.length; at += 65_536) {
        crypto.getRandomValues(bytes.subarray(at, at + 65_536));
      }

      await t.step("a file arrives whole, under its own or another path", async () => {
        await Deno.writeFile(`${folder}/data set.bin`, bytes);
        const reply = await server.call("import_file", { sandbox_id, name: "data set.bin" });
        assert.match(
          reply.text,
          /^Imported "data set\.bin" \(20,971,520 bytes\) to "data set\.bin": a new file\.$/,
        );
        const digest = "import hashlib; hashlib.sha256(open('data set.bin', 'rb').read()).hexdigest()";
        assert.ok((await run(digest)).includes(sha256(bytes)));
        const other = await server.call("import_file", {
          sandbox_id,
          name: "data set.bin",
          path: "in/x.bin",
        });
        assert.match(other.text, /to in\/x\.bin: a new file/);
      });

      await t.step("nothing is replaced unless asked", async () => {
        const again = { sandbox_id, name: "data set.bin", path: "in/x.bin" };
        assert.match((await server.call("import_file", again)).text, /file_exists[^]*overwrite: true/);
        const replaced = await server.call("import_file", { ...again, overwrite: true });
        assert.match(replaced.text, /replaced a file of that name/);
        const taken = await server.call("export_file", {
          sandbox_id,
          path: "in/x.bin",
          name: "data set.bin",
        });
        assert.equal(taken.isError, true);
        assert.match(taken.text, /file_exists[^]*overwrite: true/);
      });

      await t.step("a file of the sandbox arrives in the folder whole", async () => {
        const reply = await server.call("export_file", { sandbox_id, path: "/workspace/in/x.bin" });
        assert.match(
          reply.text,
          /^Exported \/workspace\/in\/x\.bin \(20,971,520 bytes\) to x\.bin in the exchange/,
        );
        assert.equal(sha256(await Deno.readFile(`${folder}/x.bin`)), sha256(bytes));
        await run("open('in/x.bin', 'w').write('short')");
        const options = { sandbox_id, path: "in/x.bin", overwrite: true };
        assert.match((await server.call("export_file", options)).text, /replaced a file of that name/);
        assert.equal(await Deno.readTextFile(`${folder}/x.bin`), "short");
        assert.deepEqual(namesIn(folder), ["data set.bin", "x.bin"]);
      });

      await t.step("what does not fit the workspace is refused before anything is written", async () => {
        await Deno.writeFile(`${folder}/large`, new Uint8Array(0));
        await Deno.truncate(`${folder}/large`, 100 * MIB);
        const reply = await server.call("import_file", { sandbox_id, name: "large" });
        assert.match(
          reply.text,
          /workspace_full[^]*\nNext: Delete files .* or ask the user for a smaller file/,
        );
        assert.match(await run("import os; sorted(os.listdir())"), /\n\['data set\.bin', 'in'\]\n/);
        await Deno.remove(`${folder}/large`);
      });

      await t.step("no link is followed, and nothing but a regular file is transferred", async () => {
        await Deno.symlink("/etc/passwd", `${folder}/passwd`);
        await Deno.mkdir(`${folder}/sub`);
        for (const name of ["passwd", "sub"]) {
          assert.match(
            (await server.call("import_file", { sandbox_id, name })).text,
            /path_unsuitable/,
            name,
          );
        }
        for (const name of ["../x", "/etc/passwd", "sub/x", ".x", ""]) {
          const imported = await server.call("import_file", { sandbox_id, name, path: "y" });
          assert.match(imported.text, /invalid_argument/, name);
          const exported = await server.call("export_file", { sandbox_id, path: "in/x.bin", name });
          assert.match(exported.text, /invalid_argument/, name);
        }
        const exported = { sandbox_id, path: "in/x.bin", name: "passwd", overwrite: true };
        assert.match((await server.call("export_file", exported)).text, /path_unsuitable/);
        await run(
          "import os\nos.symlink('/etc/passwd', 'link')\nos.mkfifo('fifo')\nos.mkdir('folder')\nopen('hole', 'w').truncate(1 << 40)",
        );
        for (const path of ["link", "fifo", "folder", "hole", "/workspace"]) {
          const { text } = await server.call("export_file", { sandbox_id, path, name: "out" });
          assert.match(text, /path_unsuitable/, path);
        }
        for (const path of ["../etc/passwd", "/etc/passwd", "/data/x"]) {
          const { text } = await server.call("export_file", { sandbox_id, path, name: "out" });
          assert.match(text, /invalid_argument/, path);
        }
        assert.deepEqual(namesIn(folder), ["data set.bin", "passwd", "sub", "x.bin"]);
      });

      await t.step("a file that code writes to meanwhile is not exported", async () => {
        await run(
          "import subprocess, sys\nopen('log', 'wb').write(bytes(8 << 20))\n" +
            'p = subprocess.Popen([sys.executable, \'-c\', \'while True: open("log", "r+b").write(b"x")\'])',
        );
        // On a loaded machine nothing may write during one transfer.
        let refused = false;
        for (let round = 0; round < 50 && !refused; round += 1) {
          const { isError, text } = await server.call("export_file", { sandbox_id, path: "log" });
          refused = /file_changed/.test(text);
          assert.equal(isError, refused, text);
          assert.equal(namesIn(folder).includes("log"), !refused);
          if (!refused) await Deno.remove(`${folder}/log`);
        }
        assert.ok(refused, "a file that code writes to all the time was exported 50 times");
        await run("p.kill()");
        assert.ok(!namesIn(folder).some((name) => /log|export/.test(name)));
      });

      await t.step("a saved output is exported under the name of its execution", async () => {
        const printed = await run("for n in range(60_000): print('row', n)");
        const path = /\/outputs\/\w+\/stdout/.exec(printed)?.[0];
        assert.ok(path !== undefined, printed);
        const { text } = await server.call("export_file", { sandbox_id, path });
        const name = /to (exec_\w+-stdout\.txt) in the exchange folder/.exec(text)?.[1];
        assert.ok(name !== undefined, text);
        assert.match(await Deno.readTextFile(`${folder}/${name}`), /^row 0\n[^]*row 59999\n$/);
        await Deno.remove(`${folder}/${name}`);
      });

      await t.step("a missing file's error names those that are there", async () => {
        const { text } = await server.call("import_file", { sandbox_id, name: "absent.csv" });
        assert.match(text, /file_not_found[^]*The folder has "data set\.bin", "x\.bin"\./);
      });
    }, { exchangeFolder: folder });
  });
});

Deno.test("a transfer that outlives its wait goes on, and one that is interrupted leaves nothing", async () => {
  await withFolder(async (folder) => {
    await withServer({ ...settings(folder), OMCP_WAIT_SECONDS: "1" }, async (server) => {
      const sandbox_id = await newSandbox(server);
      await Deno.writeTextFile(`${folder}/a.txt`, "content");
      await dockerOn("pause", sandbox_id);
      const importing = await server.call("import_file", { sandbox_id, name: "a.txt" });
      assert.match(importing.text, /^\[running for [^]*nothing was interrupted\]/m);
      await dockerOn("unpause", sandbox_id);
      const imported = await ended(server, continuation(importing.text).execution_id);
      assert.match(imported, /^Imported a\.txt \(7 bytes\)/);

      await dockerOn("pause", sandbox_id);
      const exporting = await server.call("export_file", { sandbox_id, path: "a.txt", name: "b.txt" });
      const { execution_id } = continuation(exporting.text);
      const interrupted = await server.call("interrupt_execution", { execution_id });
      assert.match(interrupted.text, /interrupted/);
      await dockerOn("unpause", sandbox_id);
      assert.match(await ended(server, execution_id), /^Error cancelled/);
      assert.deepEqual(namesIn(folder), ["a.txt"]);
      const again = await server.call("export_file", { sandbox_id, path: "a.txt", name: "b.txt" });
      assert.match(again.text, /^Exported /);
    }, { exchangeFolder: folder });
  });
});

Deno.test("a transfer whose sandbox is removed leaves nothing in the exchange folder", async () => {
  await withFolder(async (folder) => {
    await withServer({ ...settings(folder), OMCP_WORKSPACE_MIB: "512" }, async (server) => {
      for (let round = 0; round < 3; round += 1) {
        const sandbox_id = await newSandbox(server);
        const code = "open('big', 'wb').write(bytes(256 << 20))";
        await server.call("execute_python_code", { sandbox_id, code });
        const exporting = server.call("export_file", { sandbox_id, path: "big", overwrite: true });
        const [exported] = await Promise.all([
          exporting,
          server.call("remove_sandbox", {
            sandbox_id,
            force: true,
          }),
        ]);
        const complete = namesIn(folder).includes("big");
        assert.equal(complete, !exported.isError, exported.text);
        assert.deepEqual(namesIn(folder), complete ? ["big"] : []);
        if (complete) await Deno.remove(`${folder}/big`);
      }
    }, { exchangeFolder: folder });
  });
});

Deno.test("without an exchange folder the server does not offer its tools", async () => {
  await withServer({ OMCP_DATABASE_URL: "none" }, async (server) => {
    const tools = await server.tools();
    assert.ok(!tools.includes("import_file") && !tools.includes("export_file"));
  });
});
