/** The tools that clients_test.ts does not use, each through the three clients, on a server that offers all. */
import assert from "node:assert/strict";
import * as z from "zod";
import { inheritedVariables, sandboxIdIn } from "../../../src/cli/demo/client.ts";
import { serverArguments } from "../../../src/app/launch.ts";
import snapshot from "../../unit/mcp/snapshots/tools_all_5.4_open.json" with { type: "json" };
import { type AnyClient, REAL_CLIENTS, toolResultSchema } from "../../fixtures/mcp/real_clients.ts";
import { assertNothingLeft, connectTestEngine, LAUNCH, newInstance } from "../../fixtures/server.ts";

const TOOLS = z.array(z.object({ name: z.string() })).parse(snapshot).map(({ name }) => name);

async function useTools(client: AnyClient, folder: string): Promise<void> {
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map(({ name }) => name), TOOLS);
  async function call(name: string, input: Record<string, unknown>): Promise<string> {
    const result = toolResultSchema.parse(await client.callTool({ name, arguments: input }));
    return result.content[0]?.text ?? "";
  }
  const created = await call("create_sandbox", { memory_mb: 1024, files: [{ path: "a.txt", text: "1" }] });
  const sandbox_id = sandboxIdIn(created);
  assert.match(await call("list_sandboxes", {}), new RegExp(`^1 sandbox:\\n${sandbox_id} .*1024 Mi?B`));
  await Deno.writeTextFile(`${folder}/in.csv`, "x\n1\n2\n");
  const steps = [
    ["import_file", { name: "in.csv" }, /^Imported /],
    ["execute_python_code", {
      code: "import pandas as pd; pd.read_csv('in.csv').sum().to_csv('out.csv')",
    }, /\[ok, /],
    ["export_file", { path: "out.csv" }, /^Exported /],
    ["query_omop", { table: "person", aggregates: [{ fn: "count", as: "n" }] }, /1 row × 1 column/],
    ["install_package", { package: "humanize" }, /humanize \d/],
    ["execute_python_code", { code: "import humanize; humanize.intcomma(1234)" }, /1,234/],
  ] as const;
  for (const [name, input, expected] of steps) {
    assert.match(await call(name, { sandbox_id, ...input }), expected, name);
  }
  assert.match(await Deno.readTextFile(`${folder}/out.csv`), /x,3/);
  assert.match(await call("remove_sandbox", { sandbox_id }), /^Removed /);
}

for (const [name, connect] of Object.entries(REAL_CLIENTS)) {
  Deno.test(`${name} copies files, installs a package and queries the CDM`, async () => {
    const engine = await connectTestEngine();
    const instance = newInstance();
    const folder = await Deno.makeTempDir({ prefix: "omcp-exchange-" });
    const client = await connect({
      command: Deno.execPath(),
      args: serverArguments({ ...LAUNCH, exchangeFolder: folder }),
      env: {
        ...inheritedVariables(),
        OMCP_LOG_LEVEL: "error",
        OMCP_INSTANCE: instance,
        OMCP_EXCHANGE_DIR: folder,
        OMCP_PACKAGES: "any",
      },
    });
    try {
      await useTools(client, folder);
    } finally {
      await client.close();
      await Deno.remove(folder, { recursive: true });
    }
    await assertNothingLeft(engine, instance);
  });
}
