import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { CLIENTS, COMMAND, inspectorBlock } from "../../../scripts/client_configurations.ts";
import { MCP_NAME, PACKAGE } from "../../../scripts/package/about.ts";
import { commandIn, CONFIGURATIONS } from "../../fixtures/client_configurations.ts";

const PROJECT = fileURLToPath(new URL("../../../", import.meta.url));

for (const { client, file, text } of CLIENTS) {
  Deno.test(`the configuration of ${client} parses, and starts the packaged server`, async () => {
    assert.equal(await Deno.readTextFile(CONFIGURATIONS + file), text);
    assert.deepEqual(await commandIn(file), [COMMAND.command, ...COMMAND.args]);
    assert.equal(COMMAND.args.at(-1), PACKAGE);
  });
}

Deno.test("every configuration in examples/ is one of a client, or the checkout's", () => {
  const names = [...Deno.readDirSync(CONFIGURATIONS)].map(({ name }) => name).sort();
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
