import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import type { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import * as z from "zod";
import { readConfig } from "../../../src/app/config.ts";
import { describedServer } from "../../../src/mcp/described_server.ts";
import { offeredTools } from "../../../src/mcp/offered_tools.ts";
import { LOCAL_USER } from "../../../src/mcp/principal.ts";
import { createMcpServer } from "../../../src/mcp/server.ts";
import { DISCLOSURE_MODES, type ServerScope } from "../../../src/mcp/server_scope.ts";
import { fixedOffer } from "../../../src/mcp/tool_offer.ts";
import type { Toolset } from "../../../src/mcp/toolsets.ts";
import { EarlyTransport } from "../../../src/mcp/transports/early_transport.ts";
import { LineTransport } from "../../../src/mcp/transports/line_transport.ts";
import { NO_SANDBOXES } from "../../fixtures/mcp/no_sandboxes.ts";

const SETTINGS = readConfig(() => undefined);
const SCOPE: ServerScope = { toolsets: ["core", "files"], disclosure: "open" };
const INITIALIZE =
  '{"jsonrpc":"2.0","id":"first","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}';
const LIST = '{"jsonrpc":"2.0","id":2,"method":"tools/list"}';

function wholeServer(scope: ServerScope): McpServer {
  return createMcpServer({
    scope,
    offer: fixedOffer(offeredTools({ ...scope, cdmVersion: "5.4" }, SETTINGS)),
    services: {
      sandboxes: NO_SANDBOXES,
      cdm: undefined,
      packages: undefined,
      limits: SETTINGS,
      audit: { execution: () => assert.fail() },
    },
    principal: LOCAL_USER,
  });
}

const answerSchema = z.object({ id: z.unknown(), result: z.record(z.string(), z.unknown()) });

/** A client's end of a transport. */
class Client {
  readonly transport: EarlyTransport;
  readonly #input = new PassThrough();
  readonly #lines: AsyncIterator<string>;
  readonly #output = new PassThrough({ encoding: "utf8" });

  constructor() {
    this.transport = new EarlyTransport(
      new LineTransport(this.#input, this.#output),
      () => describedServer(SCOPE),
    );
    this.#lines = this.#output.iterator();
  }

  write(...lines: readonly string[]): void {
    for (const line of lines) this.#input.write(`${line}\n`);
  }

  /** The next message; the transport writes each by a call of its own. */
  async next(): Promise<z.infer<typeof answerSchema>> {
    const { value } = await this.#lines.next();
    return answerSchema.parse(JSON.parse(String(value)));
  }

  /** What was written and not read yet. */
  get unread(): number {
    return this.#output.readableLength;
  }
}

for (const disclosure of DISCLOSURE_MODES) {
  const toolsets: readonly (readonly Toolset[])[] = [["core"], ["core", "files"], ["core", "files", "omop"]];
  for (const each of toolsets) {
    Deno.test(`a server with ${each.join(", ")} in ${disclosure} mode declares what it registers, and no more`, () => {
      const scope = { toolsets: each, disclosure };
      assert.deepEqual(
        describedServer(scope).server.getCapabilities(),
        wholeServer(scope).server.getCapabilities(),
      );
      // What the library declares by itself for the same tools, prompts, resources and skills.
      const { tools, prompts, completions } = describedServer(scope).server.getCapabilities();
      assert.deepEqual(tools, { listChanged: true });
      assert.equal(prompts !== undefined, each.includes("omop") && disclosure === "open");
      assert.equal(completions !== undefined, prompts !== undefined);
    });
  }
}

Deno.test("initialize is answered once, before the server exists; what follows is answered by the server", async () => {
  const client = new Client();
  client.write(INITIALIZE, '{"jsonrpc":"2.0","method":"notifications/initialized"}', LIST);
  const early = await client.next();
  assert.equal(early.id, "first");
  await client.transport.needed;
  assert.equal(client.unread, 0);
  const handle = serveStdio(() => wholeServer(SCOPE), { transport: client.transport });
  const list = await client.next();
  assert.equal(list.id, 2);
  assert.ok(Array.isArray(list.result["tools"]) && list.result["tools"].length > 10);
  assert.equal(client.unread, 0);
  await handle.close();

  const late = new Client();
  const whole = serveStdio(() => wholeServer(SCOPE), { transport: late.transport });
  late.write(INITIALIZE);
  assert.deepEqual(await late.next(), early);
  await whole.close();
});

Deno.test("a first message that is not initialize waits for the server", async () => {
  const client = new Client();
  client.write(LIST.replace("tools/list", "ping"));
  await client.transport.needed;
  assert.equal(client.unread, 0);
  const handle = serveStdio(() => wholeServer(SCOPE), { transport: client.transport });
  assert.deepEqual(await client.next(), { id: 2, result: {} });
  await handle.close();
});
