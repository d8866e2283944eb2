/** Files and packages that a call of create_sandbox asks for: all of them, or no sandbox. */
import assert from "node:assert/strict";
import { sandboxIdIn } from "../../../src/cli/demo/client.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { continuation, ended } from "../../fixtures/mcp/executions.ts";
import { RawClient } from "../../fixtures/mcp/raw_client.ts";
import { HOST_INDEX } from "../../fixtures/package_index.ts";
import { withServer } from "../../fixtures/server.ts";

const SETTINGS = { OMCP_DATABASE_URL: "none", OMCP_MAX_SANDBOXES: "1", ...HOST_INDEX };

Deno.test("a sandbox has the files and packages that its creation asks for, or it is not created", async (t) => {
  await withServer(SETTINGS, async (server) => {
    async function requireNoSandbox(): Promise<void> {
      const { text } = await server.call("list_sandboxes", { include_inactive: true });
      assert.equal(text, "There are no sandboxes.");
    }

    await t.step("what can be checked without a sandbox is refused before there is one", async () => {
      const refused: [Record<string, unknown>, RegExp][] = [
        [
          { files: [{ path: "a" }] },
          /^Error invalid_argument: files\[0\]: Pass either text or base64\.[^]*\nNext: /,
        ],
        [{ files: [{ path: "a", text: "", mode: 7 }] }, /unknown field "mode"; allowed: path, text, base64/],
        [
          { files: [{ path: "a.txt", text: "1" }, { path: "../../etc/x", text: "2" }] },
          /^Error invalid_argument: files\[1\]: the path \.\.\/\.\.\/etc\/x must name a file below/,
        ],
        [
          { files: [{ path: "twice", text: "1" }, { path: "twice", text: "2" }] },
          /^Error invalid_argument: files\[1\]: the path twice is named twice/,
        ],
        [{ packages: ["git+https://x.example/y"] }, /^Error invalid_argument: packages: /],
        [{ packages: "-r /etc/passwd" }, /^Error invalid_argument: packages: /],
      ];
      for (const [input, error] of refused) {
        const { text } = await server.call("create_sandbox", input);
        assert.match(text, error);
        assert.match(text, /State: (?:No sandbox was created|Nothing was done)\./);
      }
      await requireNoSandbox();
    });

    await t.step(
      "a step that fails removes the sandbox, says which step it was, and frees the place",
      async () => {
        const failing: [Record<string, unknown>, RegExp][] = [
          [
            { files: [{ path: "a.txt", text: "1" }, { path: "b/".repeat(40) + "c", text: "2" }] },
            /^Error invalid_argument: Cannot write (?:b\/){40}c into the new sandbox: At most 32 folders/,
          ],
          [
            {
              memory_mb: 256,
              files: [{ path: "big", base64: new Uint8Array(600_000).toBase64() }, {
                path: "n".repeat(256),
                text: "",
              }],
            },
            /^Error \w+: Cannot write n{256} into the new sandbox: /,
          ],
          [
            // Two texts for one name: the second has the bytes of the first as PEP 383 writes them.
            { files: [{ path: "\u00e9", text: "1" }, { path: "\udcc3\udca9", text: "2" }] },
            /^Error file_exists: Cannot write \S+ into the new sandbox: [^\n]*\n[^\n]*\nNext: Choose another path\./,
          ],
          [
            { packages: ["omcp-no-such-package-anywhere"] },
            /^Error package_\w+: Cannot install the packages into the new sandbox: /,
          ],
        ];
        for (const [input, error] of failing) {
          const { text } = await server.call("create_sandbox", input);
          assert.match(text, error);
          assert.match(text, /State: No sandbox was created; nothing was left behind\./);
        }
        await requireNoSandbox();
      },
    );

    await t.step(
      "a creation in the background returns an execution, whose result is the sandbox",
      async () => {
        const begun = await server.call("create_sandbox", {
          files: [
            { path: "notes/a.txt", text: "café" },
            { path: "b.bin", base64: "AP8=" },
          ],
          packages: ["humanize", "inflection>=0.5"],
          wait: 0,
        });
        assert.match(begun.text, /running/);
        const text = await ended(server, continuation(begun.text).execution_id);
        assert.match(text, /^Created sandbox sbx_/);
        assert.match(text, /\nWrote 2 files \(7 bytes\): notes\/a\.txt, b\.bin\.\n/);
        assert.match(text, /\nInstalled humanize [\d.]+, inflection [\d.]+ \(2 packages, /);
        const code = "import humanize, inflection\n" +
          "print(open('notes/a.txt').read(), open('b.bin', 'rb').read(), humanize.intcomma(1000), inflection.camelize('a_b'))";
        const shown = await server.call("execute_python_code", { sandbox_id: sandboxIdIn(text), code });
        assert.match(shown.text, /^\[stdout\]\ncafé b'\\x00\\xff' 1,000 AB\n/);
      },
    );
  });
});

Deno.test("a client that cancels a creation, at whatever moment, leaves no sandbox", async () => {
  const client = await RawClient.start({ ...SETTINGS, OMCP_MAX_SANDBOXES: "2" });
  try {
    const warm = await client.create();
    for (const waitMs of [0, 50, 150, 300, 600, 1200]) {
      const id = client.nextId();
      let answered: string | undefined;
      client.call("create_sandbox", { packages: ["humanize"] }, id).then(
        ({ text }) => answered = text,
        () => {},
      );
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      await client.cancel(id);
      await eventually(async () => {
        const { text } = await client.call("list_sandboxes", {});
        // An answer that was sent before the cancel arrived counts.
        if (answered !== undefined && !answered.startsWith("Error")) {
          await client.call("remove_sandbox", { sandbox_id: sandboxIdIn(answered) });
          answered = undefined;
        }
        return text.startsWith("1 sandbox:");
      }, "only the first sandbox is left");
      // The permit is free again, also when the container needs a moment to go.
      let next = "";
      await eventually(async () => {
        const { isError, text } = await client.call("create_sandbox", {});
        next = text;
        return !isError;
      }, "another can be created");
      await client.call("remove_sandbox", { sandbox_id: sandboxIdIn(next) });
    }
    assert.match((await client.run(warm, "6 * 7")).text, /42/);
  } finally {
    await client.end();
  }
});
