import assert from "node:assert/strict";
import { Client as ClientV2 } from "@modelcontextprotocol/client";
import { StdioClientTransport as TransportV2 } from "@modelcontextprotocol/client/stdio";
import * as z from "zod";
import { inheritedVariables, sandboxIdIn } from "../../../src/cli/demo/client.ts";
import { serverArguments } from "../../../src/app/launch.ts";
import snapshot from "../../unit/mcp/snapshots/tools_omop_5.4_open.json" with { type: "json" };
import { continuation } from "../../fixtures/mcp/executions.ts";
import {
  type AnyClient,
  REAL_CLIENTS,
  type ServerCommand,
  toolResultSchema as resultSchema,
} from "../../fixtures/mcp/real_clients.ts";
import { assertNothingLeft, connectTestEngine, LAUNCH, newInstance } from "../../fixtures/server.ts";

const TOOLS = z.array(z.object({ name: z.string() })).parse(snapshot).map(({ name }) => name);
const readSchema = z.object({ contents: z.array(z.object({ text: z.string().optional() })) });

function parameters(instance: string): ServerCommand {
  const env = { ...inheritedVariables(), OMCP_LOG_LEVEL: "error", OMCP_INSTANCE: instance };
  return { command: Deno.execPath(), args: serverArguments(LAUNCH), env };
}

async function useSandbox(client: AnyClient): Promise<void> {
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map(({ name }) => name), TOOLS);
  const cell = tools.find(({ name }) => name === "execute_python_code");
  assert.deepEqual(cell?.inputSchema.required, ["sandbox_id", "code"]);
  async function call(name: string, input: Record<string, unknown>) {
    return resultSchema.parse(await client.callTool({ name, arguments: input }));
  }
  const created = await call("create_sandbox", {});
  const sandbox_id = sandboxIdIn(created.content[0]?.text ?? "");
  const result = await call("execute_python_code", { sandbox_id, code: "print('hello'); 6 * 7" });
  assert.match(result.content[0]?.text ?? "", /hello[\s\S]*42/);
  const background = await call("execute_python_code", {
    sandbox_id,
    code: "for n in range(3): print(f'<{n}>')\nwhile True: pass",
    wait: 0,
  });
  const { execution_id } = continuation(background.content[0]?.text ?? "");
  let since = 0;
  let read = "";
  for (let reads = 0; reads < 100 && !read.includes("<2>"); reads += 1) {
    const part = (await call("get_execution", { execution_id, since, wait: 0.2 })).content[0]?.text ?? "";
    ({ since } = continuation(part));
    read += part;
  }
  assert.match(read, /<0>\n<1>\n<2>/);
  const interrupted = await call("interrupt_execution", { execution_id });
  assert.match(interrupted.content[0]?.text ?? "", /\[interrupted, .*variables kept\]$/);
  const lines = (await call("list_sandboxes", { sandbox_id })).content[0]?.text ?? "";
  assert.match(lines, /^2 executions, oldest first:\n.* {2}ok {2}.*\n.* {2}interrupted {2}/);
  const restarted = await call("restart_kernel", { sandbox_id });
  assert.match(restarted.content[0]?.text ?? "", /^Restarted the kernel/);
  await useFiles(client, sandbox_id, call);
  const invalid = await call("execute_python_code", { sandbox_id });
  assert.equal(invalid.isError, true);
  assert.match(
    invalid.content[0]?.text ?? "",
    /^Error invalid_argument: code: is required\.\nState: Nothing was done\.\nNext: /,
  );
  assert.notEqual((await call("remove_sandbox", { sandbox_id })).isError, true);
}

async function useFiles(
  client: AnyClient,
  sandbox_id: string,
  call: (name: string, input: Record<string, unknown>) => Promise<z.output<typeof resultSchema>>,
): Promise<void> {
  const written = await call("execute_python_code", { sandbox_id, code: "open('b.csv', 'w').write('1,2')" });
  const link = written.content.find(({ type }) => type === "resource_link");
  assert.equal(link?.uri, `sandbox://${sandbox_id}/files/b.csv`);
  assert.deepEqual(readSchema.parse(await client.readResource({ uri: link.uri })).contents[0]?.text, "1,2");
  for (
    const [name, input, expected] of [
      ["write_file", { path: "d/a.txt", text: "zwölf" }, /^Wrote 6 bytes to d\/a\.txt: a new file/],
      ["read_file", { path: "d/a.txt" }, /^\[d\/a\.txt: 6 bytes\]\nzwölf$/],
      ["move_file", { path: "d/a.txt", to: "c.txt" }, /^Moved d\/a\.txt to c\.txt/],
      ["list_files", {}, /^\/workspace: 2 files, 1 folder.*\n.* b\.csv\n.* c\.txt\n.* d\/$/],
      ["delete_file", { path: "c.txt" }, /^Deleted c\.txt/],
    ] as const
  ) {
    assert.match((await call(name, { sandbox_id, ...input })).content[0]?.text ?? "", expected);
  }
}

async function withNothingLeft(run: (instance: string) => Promise<void>): Promise<void> {
  const engine = await connectTestEngine();
  const instance = newInstance();
  await run(instance);
  await assertNothingLeft(engine, instance);
}

for (const [name, connect] of Object.entries(REAL_CLIENTS)) {
  Deno.test(`${name} creates, uses and removes a sandbox`, async () => {
    await withNothingLeft(async (instance) => {
      const client = await connect(parameters(instance));
      try {
        await useSandbox(client);
      } finally {
        await client.close();
      }
    });
  });
}

Deno.test("a long cell reports progress with its latest output, and a cancel interrupts it and keeps the variables", async () => {
  await withNothingLeft(async (instance) => {
    const client = new ClientV2({ name: "v2", version: "1" });
    await client.connect(new TransportV2(parameters(instance)));
    try {
      const created = resultSchema.parse(await client.callTool({ name: "create_sandbox", arguments: {} }));
      const sandbox_id = sandboxIdIn(created.content[0]?.text ?? "");
      const messages: string[] = [];
      const controller = new AbortController();
      const reported = Promise.withResolvers<void>();
      const running = client.callTool({
        name: "execute_python_code",
        arguments: {
          sandbox_id,
          code:
            "import time\nfor i in range(600):\n    kept = i\n    print('step', i, flush=True)\n    time.sleep(0.1)",
        },
      }, {
        signal: controller.signal,
        onprogress: ({ message }) => {
          messages.push(message ?? "");
          if (/^\d+ s of 600 s: step \d+/.test(message ?? "")) reported.resolve();
        },
      });
      running.catch(() => {});
      await Promise.race([reported.promise, running]);
      assert.match(messages.join("\n"), /step \d+/);
      controller.abort("enough");
      await assert.rejects(running);
      const after = resultSchema.parse(
        await client.callTool({
          name: "execute_python_code",
          arguments: { sandbox_id, code: "0 < kept < 599", timeout: 10 },
        }),
      );
      assert.match(after.content[0]?.text ?? "", /True/);
    } finally {
      await client.close();
    }
  });
});
