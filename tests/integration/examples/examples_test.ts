/** Runs everything in examples/ against the real server. */
import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import * as z from "zod";
import { serverArguments } from "../../../src/app/launch.ts";
import { assertNothingLeft, connectTestEngine, LAUNCH, newInstance, PROJECT } from "../../fixtures/server.ts";

const SERVER = [Deno.execPath(), ...serverArguments(LAUNCH)];
const EXAMPLES = `${PROJECT}/examples`;
const PNG = [0x89, 0x50, 0x4e, 0x47];

const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  "typescript_client.ts": [Deno.execPath(), "run", "-A"],
  "python_client.py": ["python3"],
};

/** guides_test.ts runs them. */
const GUIDE = ["five_questions.md", "figures", "guide.ts"];

const serverSchema = z.object({ command: z.literal("npx"), args: z.array(z.string()) });
const configurationSchema = z.object({ mcpServers: z.record(z.string(), serverSchema) });

Deno.test("tests run every file of examples/", () => {
  const names = [...Deno.readDirSync(EXAMPLES)].map(({ name }) => name);
  const others = ["README.md", "client_configurations", ...GUIDE];
  assert.deepEqual(names.sort(), [...others, ...Object.keys(PROGRAMS)].sort());
});

Deno.test("git ignores the figure that an example writes into the project's folder", async () => {
  assert.match(await Deno.readTextFile(`${PROJECT}/.gitignore`), /^\/figure\.png$/m);
});

for (const [name, [command = "", ...args]] of Object.entries(PROGRAMS)) {
  Deno.test(`examples/${name} queries the CDM, saves a figure and leaves nothing`, async () => {
    const instance = newInstance();
    const folder = await Deno.makeTempDir({ prefix: "omcp-example-" });
    try {
      const { code, stdout, stderr } = await new Deno.Command(command, {
        args: [...args, `${EXAMPLES}/${name}`, ...SERVER],
        cwd: PROJECT,
        env: { OMCP_INSTANCE: instance, OMCP_LOG_LEVEL: "error", OUTPUT: folder },
        stdin: "null",
        signal: AbortSignal.timeout(120_000),
      }).output();
      const text = new TextDecoder().decode(stdout);
      assert.equal(code, 0, `${text}\n${new TextDecoder().decode(stderr)}`);
      assert.match(text, /`by_gender`: 2 rows[^]*\[ok/);
      assert.deepEqual([...await Deno.readFile(`${folder}/figure.png`)].slice(0, PNG.length), PNG);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
    await assertNothingLeft(await connectTestEngine(), instance);
  });
}

// tests/integration/package/ starts those of the packaged server.
for (const name of ["checkout.json"]) {
  Deno.test(`examples/client_configurations/${name} starts a server that lists its tools`, async () => {
    const text = await Deno.readTextFile(`${EXAMPLES}/client_configurations/${name}`);
    const placed = text.replaceAll("/path/to/omcp-python-sandbox", PROJECT)
      .replaceAll("/var/run/docker.sock", LAUNCH.socketPath ?? "/var/run/docker.sock");
    const [server] = Object.values(configurationSchema.parse(JSON.parse(placed)).mcpServers);
    assert.ok(server, "no server");
    const [yes, deno, ...args] = server.args;
    assert.equal(yes, "-y");
    assert.equal(deno, `deno@${Deno.version.deno}`);
    const instance = newInstance();
    const client = new Client({ name: "test", version: "1" });
    // The same Deno, without fetching it: a test must not depend on a registry.
    await client.connect(
      new StdioClientTransport({
        command: Deno.execPath(),
        args,
        env: { ...Deno.env.toObject(), OMCP_INSTANCE: instance, OMCP_LOG_LEVEL: "error" },
      }),
    );
    try {
      const { tools } = await client.listTools();
      assert.ok(tools.some((tool) => tool.name === "execute_python_code"));
    } finally {
      await client.close();
    }
    await assertNothingLeft(await connectTestEngine(), instance);
  });
}
