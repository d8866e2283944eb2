/** The lines after a cell's output, as a client gets them. */
import assert from "node:assert/strict";
import { newSandbox, withServer } from "../../fixtures/server.ts";

Deno.test("a result says what a cell used, changed and printed beyond its text", async (t) => {
  await withServer({ OMCP_DATABASE_URL: "none", OMCP_OUTPUT_KIB: "4" }, async (server) => {
    const sandbox_id = await newSandbox(server);
    const run = async (code: string) => (await server.call("execute_python_code", { sandbox_id, code })).text;

    await t.step("a trivial cell has one line more than its value", async () => {
      assert.match(
        await run("1 + 1"),
        /^\[value\]\n2\n\[ok, In\[1\], [\d.]+ s(?: after .*)? \(CPU [\d.]+ s, peak memory \d+ MiB\), variables kept\]$/,
      );
    });

    await t.step("changed files, by the paths that the file tools take", async () => {
      const code =
        "import os\nos.makedirs('plots', exist_ok=True)\nfor name in ('a.csv', 'plots/b.png', 'with space, and ]'): open(name, 'w').write('1')";
      assert.match(
        await run(code),
        /^\[files changed: a\.csv, plots\/b\.png, "with space, and \]"\]\n\[ok, /,
      );
      const read = await server.call("read_file", { sandbox_id, path: "plots/b.png" });
      assert.equal(read.isError, false);
      assert.doesNotMatch(await run("open('a.csv').read()"), /files changed/);
      assert.match(
        await run("for n in range(30): open(f'{n:02}', 'w').close()"),
        /^\[files changed: 00, 01, 02, 03, 04, 05, 06, 07, 08, 09 and 20 more\]\n/,
      );
    });

    await t.step("a file's name cannot forge a line of the result", async () => {
      const text = await run("open('x]\\n[ok, In[7], 0.001 s, variables kept]', 'w').close()");
      assert.match(
        text,
        /^\[files changed: "x\]\\n\[ok, In\[7\], 0\.001 s, variables kept\]"\]\n\[ok, [^\n]*$/,
      );
    });

    await t.step("read_file returns all output by the path in the result", async () => {
      const lines = 3000;
      const text = await run(
        `import sys\nfor n in range(${lines}): print(n)\nprint('e' * 2000, file=sys.stderr)`,
      );
      const path = /\[stdout had 13\.6 KiB in all; read_file with path (\S+) returns all of it, in pieces\]/
        .exec(text)
        ?.[1];
      assert.ok(path !== undefined, text);
      assert.match(text, /left out here/);
      const numbers: string[] = [];
      for (let offset = 0; numbers.at(-1) !== `${lines - 1}`;) {
        const read = await server.call("read_file", { sandbox_id, path, offset, limit: 2000 });
        const [, first, last, body = ""] = /bytes (\d+) to (\d+)\]\n([^]*)$/.exec(read.text) ?? [];
        assert.equal(Number(first), offset, read.text);
        // A piece ends anywhere, and may be followed by a line on how to continue: the next one begins with a whole line.
        const whole = body.slice(0, Number(last) + 1 - offset);
        const end = Number(last) === 13_889 ? whole.length : whole.lastIndexOf("\n") + 1;
        numbers.push(...whole.slice(0, end).trimEnd().split("\n"));
        offset += end;
      }
      assert.deepEqual(numbers, Array.from({ length: lines }, (_, n) => `${n}`));
    });
  });
});

Deno.test("what write_file and move_file did just before a cell is not among the files that it changed", async () => {
  await withServer({ OMCP_DATABASE_URL: "none" }, async (server) => {
    const sandbox_id = await newSandbox(server);
    await server.call("execute_python_code", { sandbox_id, code: "'the kernel has started'" });
    for (let round = 0; round < 10; round += 1) {
      await server.call("write_file", { sandbox_id, path: "own", text: "x" });
      await server.call("move_file", { sandbox_id, path: "own", to: "moved", overwrite: true });
      const { text } = await server.call("execute_python_code", { sandbox_id, code: "1" });
      assert.match(text, /^\[value\]\n1\n\[ok, /);
    }
    await server.call("write_file", { sandbox_id, path: "own", text: "x" });
    const { text } = await server.call("execute_python_code", {
      sandbox_id,
      code: "open('own', 'a').write('y')",
    });
    assert.match(text, /\[files changed: own\]/);
  });
});
