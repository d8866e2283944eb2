import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import * as z from "zod";
import { EarlyTransport } from "../../../src/mcp/transports/early_transport.ts";
import { LineTransport } from "../../../src/mcp/transports/line_transport.ts";
import { describedServer } from "../../../src/mcp/described_server.ts";
import { textResult } from "../../../src/mcp/results.ts";
import { readConfig } from "../../../src/app/config.ts";
import { NO_SANDBOXES } from "../../fixtures/mcp/no_sandboxes.ts";
import { LOCAL_USER } from "../../../src/mcp/principal.ts";
import { fixedOffer } from "../../../src/mcp/tool_offer.ts";
import { createMcpServer } from "../../../src/mcp/server.ts";
import { defineTool } from "../../../src/mcp/tool.ts";

const VARIANT = { cdmVersion: "5.4", disclosure: "open", toolsets: ["core"] } as const;
const SETTINGS = readConfig(() => undefined);

function unused(): never {
  throw new Error("The tool of this test uses no sandbox");
}

const responseSchema = z.object({
  jsonrpc: z.literal("2.0"),
  id: z.unknown().optional(),
  error: z.object({ code: z.number(), message: z.string() }).optional(),
  result: z.unknown().optional(),
});

/** The real protocol edge over streams in memory, with a tool that ends when the test lets it. */
class Session {
  readonly input = new PassThrough();
  readonly responses: string[] = [];
  readonly release = Promise.withResolvers<void>();
  readonly #output = new PassThrough();
  readonly #handle;
  #pinged = 0;

  constructor() {
    const annotations = {
      readOnlyHint: true,
      destructiveHint: false,
      idempotentHint: true,
      openWorldHint: false,
    };
    const wait = defineTool({
      toolset: "core",
      define: () => ({
        name: "wait",
        title: "Wait",
        description: "Waits.",
        annotations,
        input: z.strictObject({}),
      }),
      handle: async () => {
        await this.release.promise;
        return textResult("waited");
      },
    });
    const tools = [wait.offer(VARIANT, SETTINGS)];
    const services = {
      sandboxes: NO_SANDBOXES,
      cdm: undefined,
      packages: undefined,
      limits: SETTINGS,
      audit: { execution: unused },
    };
    const transport = new EarlyTransport(
      new LineTransport(this.input, this.#output),
      () => describedServer(VARIANT),
    );
    this.#handle = transport.needed.then(() =>
      serveStdio(
        () => createMcpServer({ scope: VARIANT, offer: fixedOffer(tools), services, principal: LOCAL_USER }),
        { transport },
      )
    );
    this.#output.on("data", (chunk: Uint8Array) => {
      this.responses.push(...new TextDecoder().decode(chunk).split("\n").filter((line) => line !== ""));
    });
    this.write(
      '{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}\n',
    );
  }

  write(text: string | Uint8Array): void {
    this.input.write(text);
  }

  /** The responses to a line: all that arrive before the response to a ping sent after it. */
  async responsesTo(line: string | Uint8Array): Promise<{ id: unknown; code: number | undefined }[]> {
    await this.#ping();
    this.responses.length = 0;
    this.write(line);
    this.write("\n");
    const ping = await this.#ping();
    return this.responses.slice(0, ping).map((answer) => {
      const { id, error } = responseSchema.parse(JSON.parse(answer));
      return { id, code: error?.code };
    });
  }

  /** Waits for a response that matches, and returns its index. */
  async responded(pattern: RegExp): Promise<number> {
    for (;;) {
      const place = this.responses.findIndex((answer) => pattern.test(answer));
      if (place >= 0) return place;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  async end(): Promise<void> {
    this.release.resolve();
    await (await this.#handle).close();
  }

  /** Sends a ping and returns the index of its response. */
  async #ping(): Promise<number> {
    const id = `ping-${this.#pinged++}`;
    this.write(`{"jsonrpc":"2.0","id":"${id}","method":"ping"}\n`);
    return await this.responded(new RegExp(`"${id}"`));
  }
}

const [PARSE, REQUEST, PARAMS] = [-32700, -32600, -32602];
const deep = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);
const long = "x".repeat(9_000_000);
const bytes = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));

const CASES: Readonly<
  Record<string, readonly [line: string | Uint8Array, ...expected: (readonly [unknown, number])[]]>
> = {
  "params that are a number": ['{"jsonrpc":"2.0","id":1,"method":"tools/list","params":5}', [1, PARAMS]],
  "params that are an array": ['{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}', [1, PARAMS]],
  "params that are null": ['{"jsonrpc":"2.0","id":"n","method":"tools/list","params":null}', ["n", PARAMS]],
  "_meta that is a number": [
    '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":5}}',
    [1, PARAMS],
  ],
  "a progress token that is an object": [
    '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"progressToken":{}}}}',
    [1, PARAMS],
  ],
  "another version": ['{"jsonrpc":"1.0","id":2,"method":"tools/list"}', [2, REQUEST]],
  "no version": ['{"id":"two","method":"tools/list"}', ["two", REQUEST]],
  "a version that is a number": ['{"jsonrpc":2.0,"id":2,"method":"tools/list"}', [2, REQUEST]],
  "no method": ['{"jsonrpc":"2.0","id":3}', [3, REQUEST]],
  "a method that is a number": ['{"jsonrpc":"2.0","id":3,"method":3}', [3, REQUEST]],
  "a fraction as id": ['{"jsonrpc":"2.0","id":1.5,"method":"ping"}', [1.5, REQUEST]],
  "null as id": ['{"jsonrpc":"2.0","id":null,"method":"ping"}', [null, REQUEST]],
  "true as id": ['{"jsonrpc":"2.0","id":true,"method":"ping"}', [null, REQUEST]],
  "an object as id": ['{"jsonrpc":"2.0","id":{"id":4},"method":"ping"}', [null, REQUEST]],
  "a number beyond all numbers as id": ['{"jsonrpc":"2.0","id":1e999,"method":"ping"}', [null, REQUEST]],
  "two ids: the last counts": ['{"jsonrpc":"1.0","id":1,"id":2,"method":"ping"}', [2, REQUEST]],
  "an id by an escaped name": ['{"jsonrpc":"1.0","\\u0069d":6,"method":"ping"}', [6, REQUEST]],
  "an id among strings that look like one": [
    '{"a":"\\"id\\":7,","params":{"id":8},"id":9,"b":[{"id":10}]}',
    [9, REQUEST],
  ],
  "a batch": [
    '[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"x"},{"jsonrpc":"2.0","id":"b","method":"ping"}]',
    [1, REQUEST],
    ["b", REQUEST],
  ],
  "an empty batch": ["[]", [null, REQUEST]],
  "a batch of numbers": ["[1,2]", [null, REQUEST]],
  "a string": ['"x"', [null, REQUEST]],
  "an empty object": ["{}", [null, REQUEST]],
  "a broken line": ['{"jsonrpc":"2.0","id":11,"method":"ping"', [11, PARSE]],
  "a line broken in a string": ['{"jsonrpc":"2.0","id":"eleven","method":"pi', ["eleven", PARSE]],
  "a line broken within its id": ['{"jsonrpc":"2.0","id":"ele', [null, PARSE]],
  "two messages in a line": [
    '{"jsonrpc":"2.0","id":12,"method":"ping"}{"jsonrpc":"2.0","id":13,"method":"ping"}',
    [12, PARSE],
    [13, PARSE],
  ],
  "a byte that is not UTF-8": [bytes('{"jsonrpc":"2.0","id":14,"method":"ping\xff"}'), [14, PARSE]],
  "UTF-8 that breaks off": [bytes('{"jsonrpc":"2.0","id":15,"method":"\xe2\x82"}'), [15, PARSE]],
  "a surrogate in UTF-8": [bytes('{"jsonrpc":"2.0","id":15,"method":"\xed\xa0\x80"}'), [15, PARSE]],
  "three million deep": [
    `{"jsonrpc":"2.0","id":16,"method":"ping","params":{"a":${deep(3_000_000)}}}`,
    [16, REQUEST],
  ],
  "three million deep, the id behind": [`{"params":${deep(3_000_000)},"id":17,"method":"x"}`, [17, REQUEST]],
  "three million deep and never closed": [`{"id":18,"a":${"[".repeat(3_000_000)}`, [18, REQUEST]],
  "objects, deep": [`{"id":19,"a":${'{"id":'.repeat(100_000)}`, [19, REQUEST]],
  "too long, the id in the middle": [`{"a":"${long}","id":20,"b":"${long}"}`, [20, REQUEST]],
  "too long, with another id within": [`{"params":{"id":1,"a":"${long}"},"id":21,"method":"x"}`, [
    21,
    REQUEST,
  ]],
  "too long, a batch": [`[{"id":22,"method":"x"},"${long}",{"id":23,"method":"x"}]`, [22, REQUEST], [
    23,
    REQUEST,
  ]],
  "too long, no JSON": [long, [null, REQUEST]],
  "an id too long to be sent back": [`{"id":"${"i".repeat(2000)}","method":"x"}`, [null, REQUEST]],
};

Deno.test("a line that is not a message gets an error under its id, and the next one is served", async (t) => {
  const session = new Session();
  for (const [name, [line, ...expected]] of Object.entries(CASES)) {
    await t.step(name, async () => {
      assert.deepEqual(
        await session.responsesTo(line),
        expected.map(([id, code]) => ({ id, code })),
      );
    });
  }
  await session.end();
});

Deno.test("an id beyond JavaScript's numbers comes back as it was sent", async () => {
  const session = new Session();
  const id = "12345678901234567890123";
  await session.responsesTo(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`);
  assert.match(session.responses[0] ?? "", new RegExp(`"id":${id},`));
  await session.end();
});

Deno.test("blank lines, responses and notifications get no response", async (t) => {
  const session = new Session();
  for (
    const line of [
      "",
      "  \t",
      '{"jsonrpc":"2.0","id":77,"result":{}}',
      '{"jsonrpc":"1.0","id":77,"result":5}',
      `{"jsonrpc":"2.0","id":77,"result":{"a":"${long}"}}`,
      '{"jsonrpc":"2.0","id":78,"error":{"code":1,"message":"x"}}',
      '{"jsonrpc":"2.0","method":"notifications/cancelled","params":5}',
      '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{"a":1}}}',
    ]
  ) {
    await t.step(line.slice(0, 80), async () => assert.deepEqual(await session.responsesTo(line), []));
  }
  await session.end();
});

Deno.test("a request with the id of a running one is refused, and the id is free afterwards", async () => {
  const session = new Session();
  const call = '{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"wait","arguments":{}}}';
  const cancel = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}';
  assert.deepEqual(await session.responsesTo(call), []);
  assert.deepEqual(await session.responsesTo(call), [{ id: 5, code: REQUEST }]);
  assert.deepEqual(await session.responsesTo(call.replace("5", '"5"')), [], "another id");
  assert.deepEqual(await session.responsesTo(cancel), []);
  assert.deepEqual(await session.responsesTo(call), [], "a cancelled request has no response");
  session.release.resolve();
  await session.responsesTo("");
  session.responses.length = 0;
  session.write(`${call}\n`);
  await session.responded(/"id":5,.*waited|waited.*"id":5/);
  await session.end();
});
