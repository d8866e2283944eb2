import assert from "node:assert/strict";
import { sandboxIdIn } from "../../../src/cli/demo/client.ts";
import { newSandbox, withServer } from "../../fixtures/server.ts";
import { PNG } from "../../fixtures/pictures.ts";

Deno.test("the tools for files through MCP", async (t) => {
  await withServer({ OMCP_DATABASE_URL: "none", OMCP_OUTPUT_KIB: "8" }, async (server) => {
    const sandbox_id = await newSandbox(server);
    async function call(tool: string, input: Record<string, unknown>): Promise<string> {
      const { text, isError } = await server.call(tool, { sandbox_id, ...input });
      assert.equal(isError, text.startsWith("Error "), text);
      return text;
    }
    async function run(code: string): Promise<string> {
      return (await server.call("execute_python_code", { sandbox_id, code })).text;
    }

    await t.step("write_file and read_file agree with cells", async () => {
      assert.equal(
        await call("write_file", { path: "notes/größe.txt", text: "zwölf\n" }),
        "Wrote 7 bytes to notes/größe.txt: a new file.",
      );
      assert.match(await run("open('notes/größe.txt', encoding='utf-8').read()"), /'zwölf\\n'/);
      assert.equal(
        await call("read_file", { path: "/workspace/notes/größe.txt" }),
        "[/workspace/notes/größe.txt: 7 bytes]\nzwölf",
      );
      assert.equal(
        await call("write_file", { path: "notes/größe.txt", base64: "AAEC" }),
        "Wrote 3 bytes to notes/größe.txt: it replaced a file of that name.",
      );
      assert.equal(
        await call("read_file", { path: "notes/größe.txt" }),
        "[notes/größe.txt: 3 bytes, binary; its bytes at 0 are 00 01 02]\n[read it in a cell, or pass limit to get bytes as base64]",
      );
      assert.equal(
        await call("read_file", { path: "notes/größe.txt", limit: 3 }),
        "[notes/größe.txt: 3 bytes, binary, base64 of bytes 0 to 2]\nAAEC",
      );
      assert.match(
        await call("write_file", { path: "notes/größe.txt", text: "", overwrite: false }),
        /^Error file_exists: notes\/größe\.txt exists\.\nState: .*\nNext: .*overwrite: true/,
      );
      assert.match(await call("write_file", { path: "x", text: "", base64: "" }), /^Error invalid_argument/);
      assert.match(await call("write_file", { path: "x", base64: "§" }), /^Error invalid_argument: base64/);
    });

    await t.step("a long text comes in pieces of whole lines, which join to the whole", async () => {
      await run("open('long.txt', 'w').write(''.join(f'line {n} äöü€\\n' for n in range(2000)))");
      let offset = 0;
      let whole = "";
      for (let piece = 0; piece < 20; piece += 1) {
        const text = await call("read_file", { path: "long.txt", offset });
        const found =
          /^\[long\.txt: 38\.\d KiB, bytes (\d+) to \d+\]\n([^]*?)(?:\n\[.* continue with offset: (\d+)\])?$/
            .exec(text);
        assert(found !== null, text.slice(0, 200));
        assert.equal(found[1], String(offset));
        whole += `${found[2]}\n`;
        if (found[3] === undefined) break;
        offset = Number(found[3]);
      }
      const lines = whole.trimEnd().split("\n");
      assert.deepEqual([lines.length, lines[0], lines[1999]], [2000, "line 0 äöü€", "line 1999 äöü€"]);
      assert.match(await call("read_file", { path: "long.txt", offset: -20 }), /\]\nline 1999 äöü€$/);
      assert.match(
        await call("read_file", { path: "long.txt", limit: 999_999 }),
        /above the maximum of 8192\]/,
      );
    });

    await t.step("pictures are shown, and other encodings named", async () => {
      await call("write_file", { path: "plot.png", base64: PNG });
      const { text, images } = await server.call("read_file", { sandbox_id, path: "plot.png" });
      assert.match(text, /^\[plot\.png: \d+ bytes, image\/png\]$/);
      assert.deepEqual(images.map(({ mimeType }) => mimeType), ["image/png"]);
      await run("open('latin', 'w', encoding='latin-1').write('Müller;Größe;1\\n' * 10)");
      assert.match(await call("read_file", { path: "latin" }), /M\ufffdller.*\n\[it is not UTF-8/s);
      await run("open('controls', 'w').write('a\\rb\\x1b[31mc\\u202ed')");
      assert.match(await call("read_file", { path: "controls" }), /\]\na\\x0db\\x1b\[31mc\\u202ed$/);
    });

    await t.step("list_files, move_file and delete_file", async () => {
      await run(
        "import os; os.makedirs('d/e'); os.symlink('/etc', 'd/link'); open('d/a\\nb', 'w').close(); open(b'd/\\xff', 'w').close()",
      );
      const listed = await call("list_files", { path: "d", recursive: true });
      assert.match(
        listed,
        /^\/workspace\/d: 2 files, 1 folder, 1 symbolic link, 0 bytes in the files; 51\d\.\d MiB of 512\.0 MiB in \/workspace are free\n/,
      );
      assert.match(listed, /\n {5}0 bytes {2}20\d\d-\d\d-\d\d \d\d:\d\d:\d\d {2}"d\/a\\nb"\n/);
      assert.match(listed, /\n {6}folder {2}.* {2}d\/e\/\n/);
      assert.match(listed, /\n {8}link {2}.* {2}d\/link -> \/etc\n/);
      assert.match(listed, / {2}"d\/\\udcff"$/);
      assert.equal(await call("move_file", { path: "d/a\nb", to: "d/ab" }), 'Moved "d/a\\nb" to d/ab.');
      assert.equal(await call("move_file", { path: "d/\udcff", to: "named" }), 'Moved "d/\\udcff" to named.');
      assert.equal(
        await call("write_file", { path: "d/a b", text: "x" }),
        'Wrote 1 byte to "d/a b": a new file.',
      );
      assert.equal(await call("move_file", { path: '"d/a b"', to: "d/a_b" }), 'Moved "d/a b" to d/a_b.');
      assert.match(
        await call("read_file", { path: "d/a_b", offset: 600 }),
        /1 byte, nothing at offset 600\]$/,
      );
      assert.match(await call("list_files", { path: "d/a_b" }), /is not a folder\.\n.*\nNext: Read a file/);
      assert.match(await call("delete_file", { path: "d/a_b" }), /^Deleted/);
      assert.match(
        await call("move_file", { path: "d", to: "d/e/f" }),
        /^Error invalid_argument: A folder cannot be moved into itself/,
      );
      assert.match(await call("list_files", { path: "/data/x" }), /\nNext: Use a dataset in a cell/);
      assert.match(
        await call("move_file", { path: "d/ab", to: "named" }),
        /^Error file_exists: named exists/,
      );
      assert.match(
        await call("delete_file", { path: "d" }),
        /^Error path_unsuitable: .*\n.*\n.*recursive: true/,
      );
      assert.equal(
        await call("delete_file", { path: "d", recursive: true }),
        "Deleted d, with 3 files and folders in it.",
      );
      assert.match(await call("delete_file", { path: "d" }), /^Error file_not_found/);
    });

    await t.step("odd names are shown so that they can be passed back", async () => {
      const names = [" ", " a ", "\\t", "e\\u0301", "\\xe9", "\\u200b", "\\udcff", '\\"'];
      const list = names.map((name) => `"${name}"`).join(", ");
      const written = await run(
        `import os\nos.mkdir('odd')\nfor n in [${list}]:\n    with open('odd/' + n, 'w') as f: f.write('its name is ' + ascii(n))`,
      );
      assert.match(written, /^\[files changed: .*"odd\/ ", "odd\/ a ".*\]$/m);
      const shown = [...(await call("list_files", { path: "odd" })).matchAll(/ \d\d:\d\d:\d\d {2}(.*)$/gm)];
      const read = await Promise.all(shown.map(([, path]) => call("read_file", { path })));
      const found = read.map((text) => /its name is (.*)$/.exec(text)?.[1] ?? text);
      const expected = [...(await run(`for n in [${list}]: print(ascii(n))`)).matchAll(/^['"].*$/gm)];
      assert.equal(expected.length, names.length);
      assert.deepEqual(found.sort(), expected.map(([line]) => line).sort());
      assert.match(await call("delete_file", { path: "odd", recursive: true }), /^Deleted/);
    });

    await t.step("long targets of links leave room for other entries", async () => {
      await run(
        "import os; os.makedirs('links'); [os.symlink('\\x07' * 4000, f'links/{n}') for n in range(9)]",
      );
      const listed = await call("list_files", { path: "links" });
      assert.equal(
        listed.match(/ {2}links\/\d -> "(?:\\u0007){200}"… \(4,000 characters\)/g)?.length,
        6,
        listed,
      );
      assert.match(listed, /\[the first 6 of 9 are shown/);
    });

    await t.step("the saved output of a cell can be read", async () => {
      const text = await run("for n in range(20_000): print('row', n)");
      const path = /read_file with path (\/outputs\/\S+) returns all of it, in pieces/.exec(text)?.[1];
      assert(path !== undefined, text);
      assert.match(await call("read_file", { path, offset: -20 }), /\]\nrow 19998\nrow 19999$/);
    });

    await t.step("files are resources, and a cell's result links to those that it wrote", async () => {
      const { links, text } = await server.call("execute_python_code", {
        sandbox_id,
        code:
          "import os\nos.makedirs('r', exist_ok=True)\nfor n in range(7): open(f'r/{n}.csv', 'w').write('a,b\\n')\nopen('r/0 ü%2e.bin', 'wb').write(b'\\0')",
      });
      assert.match(text, /files changed: "r\/0 ü%2e\.bin", r\/0\.csv/);
      assert.deepEqual(links.map(({ name }) => name), [
        '"r/0 ü%2e.bin"',
        ...[0, 1, 2, 3].map((n) => `r/${n}.csv`),
      ]);
      const [odd, csv] = await Promise.all(links.slice(0, 2).map(({ uri }) => server.readResource(uri)));
      assert.deepEqual(odd, { uri: links[0]?.uri, mimeType: "application/octet-stream", blob: "AA==" });
      assert.deepEqual(csv, { uri: links[1]?.uri, mimeType: "text/csv", text: "a,b\n" });
      await run(
        "open('esc', 'w').write('\\x1b[2J'); open('huge', 'wb').truncate(5 << 20); os.symlink('r', 'l')",
      );
      assert.equal((await server.readResource(`sandbox://${sandbox_id}/files/esc`)).blob, "G1sySg==");
      const base = `sandbox://${sandbox_id}/files`;
      for (
        const [uri, expected] of [
          [`${base}/none`, /not found/],
          [`${base}/huge`, /at most 4\.0 MiB.*read_file/],
          [`${base}/l/0.csv`, /symbolic link/],
          [`${base}/r`, /is a folder/],
          [`${base}/../../x`, /not found/],
          [`${base}/%2e%2e/x`, /not found/],
          [`${base}/r%2f..%2f..%2f..%2fetc%2fpasswd`, /must not contain/],
          [`${base}/%2Fetc%2Fpasswd`, /not found/],
          [`${base}/a%00b`, /NUL/],
          [`${base}/%ff`, /not UTF-8/],
          [`${base}/r/0.csv?force=1`, /must have the form/],
          [`sandbox://sbx_${"0".repeat(32)}/files/r/0.csv`, /not found/],
          ["sandbox://../files/x", /form|not found|invalid/],
        ] as const
      ) {
        await assert.rejects(server.readResource(uri), expected, uri);
      }
    });

    await t.step("paths that lead out of /workspace are refused, with a next step", async () => {
      await run(
        "import os; os.symlink('/etc/passwd', 'passwd'); os.symlink('/etc', 'etc'); os.mkfifo('fifo')",
      );
      for (
        const [path, expected] of [
          ["passwd", /^Error path_unsuitable: passwd is a symbolic link, to \/etc\/passwd/],
          ["etc/passwd", /^Error path_unsuitable: etc is a symbolic link/],
          ["fifo", /^Error path_unsuitable: fifo is a FIFO/],
          ["../etc/passwd", /^Error invalid_argument: The path must not contain "\.\."/],
          ["/etc/passwd", /^Error invalid_argument: \/etc\/passwd is outside \/workspace/],
          ["a\0b", /^Error invalid_argument: The path has a NUL/],
          ["x".repeat(256), /^Error invalid_argument: Each name/],
          [".", /^Error path_unsuitable: \/workspace/],
        ] as const
      ) {
        for (const tool of ["read_file", "write_file"]) {
          assert.match(await call(tool, { path, ...(tool === "write_file" ? { text: "x" } : {}) }), expected);
        }
      }
      assert.match(
        await run("print(os.readlink('passwd'), os.path.exists('/workspace/fifo'))"),
        /\/etc\/passwd True/,
      );
    });
  });
});

Deno.test("a file that the sandbox's memory has no room for is refused before anything is written, and the variables remain", async () => {
  const folder = await Deno.makeTempDir({ prefix: "omcp-exchange-" });
  try {
    const settings = { OMCP_DATABASE_URL: "none", OMCP_EXCHANGE_DIR: folder };
    await withServer(settings, async (server) => {
      const sandbox_id = sandboxIdIn((await server.call("create_sandbox", { memory_mb: 256 })).text);
      async function run(code: string): Promise<string> {
        return (await server.call("execute_python_code", { sandbox_id, code })).text;
      }
      await Deno.writeFile(`${folder}/data`, new Uint8Array(50 * 1024 * 1024));
      // What is free then is less than the file and more than what a cell needs.
      const fill = `
import os
group = '/sys/fs/cgroup/memory'
name = group + '.current' if os.path.exists(group + '.current') else group + '/memory.usage_in_bytes'
kept = []
while int(open(name).read()) < 216 << 20: kept.append(b'x' * (1 << 20))
`;
      assert.match(await run(fill), /\[ok, /);
      const refused = await server.call("import_file", { sandbox_id, name: "data" });
      assert.match(
        refused.text,
        /^Error workspace_full: 52428800 bytes do not fit into the sandbox's memory: of its 268435456 bytes \d+ are left for files, and 16777216 are kept free\.\nState: Nothing was written[^]*\nNext: Free memory: [^]*restart_kernel/,
      );
      const few = { sandbox_id, path: "few", text: "x".repeat(1024 * 1024) };
      assert.equal((await server.call("write_file", few)).isError, false);
      assert.match(await run("print(sorted(os.listdir()), len(kept) > 0)"), /\['few'\] True/);
      assert.match(await run("del kept"), /\[ok, /);
      assert.match((await server.call("import_file", { sandbox_id, name: "data" })).text, /^Imported/);
    }, { exchangeFolder: folder });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
