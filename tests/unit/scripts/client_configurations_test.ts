import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { CLIENTS, COMMAND, inspectorBlock } from "../../../scripts/client_configurations.ts";
import { MCP_NAME, PACKAGE } from "../../../scripts/package/about.ts";
import { programOutput } from "../../fixtures/program_output.ts";

const PROJECT = fileURLToPath(new URL("../../../", import.meta.url));
const FOLDER = `${PROJECT}examples/client_configurations/`;

const server = z.object({
  command: z.string(),
  args: z.array(z.string()),
  type: z.literal("stdio").optional(),
});
const jsonConfiguration = z.union([
  z.strictObject({ mcpServers: z.record(z.string(), server) }),
  z.strictObject({ servers: z.record(z.string(), server.required()) }),
]);

/** The command in a configuration, read as its client reads the file: in JSON, in TOML by Python, in YAML's subset that JSON is. */
async function commandIn(file: string): Promise<readonly string[]> {
  const text = await Deno.readTextFile(FOLDER + file);
  if (file.endsWith(".json")) {
    const parsed = jsonConfiguration.parse(JSON.parse(text));
    const [only] = Object.values("servers" in parsed ? parsed.servers : parsed.mcpServers);
    return only === undefined ? [] : [only.command, ...only.args];
  }
  if (file.endsWith(".toml")) {
    const code =
      "import json, sys, tomllib; print(json.dumps(tomllib.load(sys.stdin.buffer)['mcp_servers']))";
    const { stdout } = await programOutput("python3", ["-c", code], { input: text });
    const [only] = Object.values(z.record(z.string(), server).parse(JSON.parse(stdout)));
    return only === undefined ? [] : [only.command, ...only.args];
  }
  const value = (key: string): unknown =>
    JSON.parse(new RegExp(`^ +${key}: (.*)$`, "m").exec(text)?.[1] ?? "null");
  assert.match(text, /^extensions:\n {2}\S+:\n(?: {4}\w+: .+\n)+$/);
  return [z.string().parse(value("cmd")), ...z.array(z.string()).parse(value("args"))];
}

for (const { client, file, text } of CLIENTS) {
  Deno.test(`the configuration of ${client} parses, and starts the packaged server`, async () => {
    assert.equal(await Deno.readTextFile(FOLDER + file), text);
    assert.deepEqual(await commandIn(file), [COMMAND.command, ...COMMAND.args]);
    assert.equal(COMMAND.args.at(-1), PACKAGE);
  });
}

Deno.test("every configuration in examples/ is one of a client, or the checkout's", () => {
  const names = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).sort();
  assert.deepEqual(names, [...CLIENTS.map(({ file }) => file), "checkout.json"].sort());
});

Deno.test("the Inspector's two lines start the packaged server", () => {
  const lines = inspectorBlock().split("\n").filter((line) => line.startsWith("npx"));
  assert.equal(lines.length, 2);
  for (const line of lines) assert.match(line, new RegExp(` npx -y ${PACKAGE}(?: --method tools/list)?$`));
  assert.ok(lines[0]?.includes("--cli"));
});

const input = z.object({
  name: z.string().min(1),
  description: z.string(),
  format: z.enum(["string", "number", "boolean", "filepath"]).optional(),
  default: z.string().optional(),
  isSecret: z.boolean().optional(),
});

/** The registry's documented schema of `server.json`, version 2025-12-11, as far as this server uses it. */
const serverJson = z.strictObject({
  $schema: z.literal("https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"),
  name: z.string().min(3).max(200).regex(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/),
  title: z.string().min(1).max(100),
  description: z.string().min(1).max(100),
  version: z.string().max(255).regex(/^\d+\.\d+\.\d+(?:-[\w.]+)?$/),
  packages: z.array(z.strictObject({
    registryType: z.enum(["npm", "pypi"]),
    identifier: z.string().min(1),
    version: z.string().regex(/^\d+\.\d+\.\d+(?:-[\w.]+)?$/),
    runtimeHint: z.enum(["npx", "uvx"]),
    transport: z.strictObject({ type: z.literal("stdio") }),
    environmentVariables: z.array(input),
  })).length(2),
});

Deno.test("server.json is as the MCP registry documents it, and names the packages and their mcpName", async () => {
  const found = serverJson.parse(JSON.parse(await Deno.readTextFile(`${PROJECT}server.json`)));
  assert.equal(found.name, MCP_NAME);
  for (const { identifier, version, environmentVariables } of found.packages) {
    assert.deepEqual([identifier, version], [PACKAGE, found.version]);
    assert.equal(environmentVariables.find(({ name }) => name === "OMCP_DATABASE_URL")?.isSecret, true);
  }
});
