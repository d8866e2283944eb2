/** Calls by code over streams in memory, with bounds that a test can reach. */
import assert from "node:assert/strict";
import * as z from "zod";
import { readConfig } from "../../../src/app/config.ts";
import { OmcpError } from "../../../src/errors.ts";
import type { ByteStream } from "../../../src/lib/byte_stream.ts";
import { CodeCalls } from "../../../src/mcp/code_calls/mod.ts";
import { CODE_CALL_LIMITS, type CodeCallLimits } from "../../../src/mcp/code_calls/limits.ts";
import { LOCAL_USER } from "../../../src/mcp/principal.ts";
import { textResult } from "../../../src/mcp/results.ts";
import { type CodeContext, defineTool, type OfferedTool } from "../../../src/mcp/tool.ts";
import { fixedOffer } from "../../../src/mcp/tool_offer.ts";
import { AuditLog } from "../../../src/observability/audit.ts";
import type { AuditLine } from "../../../src/observability/audit_sink.ts";
import { NO_SANDBOXES } from "../../fixtures/mcp/no_sandboxes.ts";

const LIMITS = { ...CODE_CALL_LIMITS, intervalMs: 0 };
const CONFIG = readConfig(() => undefined);
const SANDBOX = `sbx_${"1".repeat(32)}`;

type Data = (given: Record<string, unknown>, context: CodeContext) => Promise<Record<string, unknown>>;

function toolOf(name: string, data: Data | undefined): OfferedTool {
  return defineTool({
    toolset: "core",
    define: () => ({
      name,
      title: name,
      description: name,
      annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
      input: z.strictObject({ text: z.string(), sandbox_id: z.string().optional() }),
    }),
    handle: () => Promise.resolve(textResult(name)),
    ...(data === undefined ? {} : { data }),
  }).offer({ cdmVersion: "5.4", disclosure: "open", toolsets: ["core"] }, {
    ...CONFIG,
    memoryMaxBytes: undefined,
    cpusMax: undefined,
  });
}

/** Calls of one sandbox that end in the given tool, and what the audit records of them. */
function calls(data: Data, limits: Partial<CodeCallLimits> = {}) {
  const lines: AuditLine[] = [];
  const sink = { ready: () => true, write: (line: AuditLine) => void lines.push(line), close() {} };
  const serve = new CodeCalls({
    offer: fixedOffer([toolOf("echo", data), toolOf("text_only", undefined)]),
    services: {
      sandboxes: NO_SANDBOXES,
      cdm: undefined,
      packages: undefined,
      limits: { ...CONFIG, queryMs: 500 },
      audit: new AuditLog(sink, false),
    },
    principal: LOCAL_USER,
    limits: { ...LIMITS, ...limits },
  }).serve(SANDBOX);
  return { lines, open: () => new Client(serve) };
}

const encoder = new TextEncoder();

/** The code's side of one stream. */
class Client {
  readonly #out = new TransformStream<Uint8Array, Uint8Array>();
  readonly #in = new TransformStream<Uint8Array, Uint8Array>();
  readonly writer = this.#out.writable.getWriter();

  constructor(serve: (stream: ByteStream) => void) {
    this.writer.closed.catch(() => {});
    serve({ readable: this.#out.readable, writable: this.#in.writable });
  }

  /** Writes without waiting: the other side may never read it. */
  send(text: string): this {
    this.writer.write(encoder.encode(text)).catch(() => {});
    return this;
  }

  /** The whole answer, or why there is none; then leaves. */
  async answer(): Promise<unknown> {
    let text = "";
    try {
      const decoder = new TextDecoderStream();
      this.#in.readable.pipeTo(decoder.writable).catch(() => {});
      for await (const part of decoder.readable) text += part;
    } catch (error) {
      return error instanceof Error ? error.message : error;
    } finally {
      this.leave();
    }
    return text === "" ? "" : JSON.parse(text);
  }

  leave(): void {
    this.writer.close().catch(() => {});
  }

  /** Waits until the other side has dropped the stream. */
  async dropped(): Promise<void> {
    await this.writer.closed.catch(() => {});
  }
}

function call(text: string, rest: Record<string, unknown> = {}): string {
  return `${JSON.stringify({ tool: "echo", arguments: { text, ...rest } })}\n`;
}

async function codeOf(client: Client): Promise<string> {
  return z.object({ error: z.object({ code: z.string() }) }).parse(await client.answer()).error.code;
}

Deno.test("a call is answered with the tool's data, for the code's own sandbox and principal", async () => {
  const { open, lines } = calls((given, { principal, ran, empty }) =>
    Promise.resolve({ ...given, who: principal.id, ran, empty })
  );
  const other = `sbx_${"2".repeat(32)}`;
  assert.deepEqual(await open().send(call("ü", { sandbox_id: other })).answer(), {
    ok: true,
    value: { text: "ü", sandbox_id: SANDBOX, who: "local", ran: false, empty: false },
  });
  assert.deepEqual(lines.map((line) => [line["tool"], line["status"]]), [["omcp.echo", "ok"]]);
});

Deno.test("an error has the fields of the tools' errors, and is audited; a defect shows nothing", async () => {
  const { open, lines } = calls(({ text }) =>
    Promise.reject(
      text === "own"
        ? new OmcpError("concept_not_found", "No concept 1", { next: "Search" })
        : new Error("a secret"),
    )
  );
  assert.deepEqual(await open().send(call("own")).answer(), {
    ok: false,
    error: {
      code: "concept_not_found",
      message: "No concept 1.",
      state: "Nothing was done.",
      next: "Search.",
      retryable: false,
      details: {},
    },
  });
  const defect = JSON.stringify(await open().send(call("defect")).answer());
  assert.match(defect, /"code":"internal"/);
  assert.doesNotMatch(defect, /secret/);
  assert.deepEqual(lines.map((line) => line["status"]), ["concept_not_found", "internal"]);
});

Deno.test("what is not a call of a tool with data is refused, and reaches no tool", async () => {
  const { open } = calls(() => Promise.reject(new Error("reached")));
  const refused = [
    "nonsense\n",
    "[]\n",
    '{"tool":"echo"}\n',
    '{"tool":"text_only","arguments":{"text":"x"}}\n',
    '{"tool":"ech","arguments":{}}\n',
    '{"tool":"echo","arguments":{"text":1}}\n',
    `{"tool":"echo","arguments":{"text":${"[".repeat(41)}${"]".repeat(41)}}}\n`,
    '{"tool":"echo","arguments":{"text":"x","sandbox_id":"y","more":1}}\n',
    `${"x".repeat(LIMITS.requestBytes + 1)}\n`,
  ];
  for (const text of refused) {
    assert.equal(await codeOf(open().send(text)), "invalid_argument", text.slice(0, 80));
  }
});

Deno.test("a request that does not arrive, a call that does not end, and an answer that is too long are errors", async () => {
  const { open } = calls(
    ({ text }) => text === "long" ? Promise.resolve({ text: "x".repeat(2_000) }) : new Promise(() => {}),
    { readMs: 20, answerBytes: 1_000 },
  );
  assert.equal(await codeOf(open().send('{"tool":')), "timeout");
  assert.equal(await codeOf(open().send(call("never"))), "timeout");
  assert.equal(await codeOf(open().send(call("long"))), "result_too_large");
});

Deno.test("a bounded number of calls runs at once, and a bounded number is open; the places come back", async () => {
  let running = 0;
  let most = 0;
  const gate = Promise.withResolvers<void>();
  const { open } = calls(async (given) => {
    most = Math.max(most, running += 1);
    await gate.promise;
    running -= 1;
    return given;
  }, { streams: 6 });
  const clients = Array.from({ length: 6 }, () => open().send(call("x")));
  const beyond = open().send(call("x"));
  assert.match(String(await beyond.answer()), /at most 6 calls/);
  gate.resolve();
  await Promise.all(clients.map((client) => client.answer()));
  assert.equal(most, LIMITS.running);
  await Promise.all(clients.map((client) => client.dropped()));
  assert.deepEqual(await open().send(call("again")).answer(), {
    ok: true,
    value: { text: "again", sandbox_id: SANDBOX },
  });
});

Deno.test("code that leaves cancels its call; code that never reads loses its stream and its turn", async () => {
  const started = Promise.withResolvers<AbortSignal>();
  const { open } = calls(async (given, { signal }) => {
    if (given["text"] !== "wait") return given;
    started.resolve(signal);
    return await new Promise(() => {});
  }, { writeMs: 20, running: 1 });
  const leaving = open().send(call("wait"));
  const signal = await started.promise;
  leaving.leave();
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  // Nobody reads this one.
  await open().send(call("unread")).dropped();
  assert.deepEqual(await open().send(call("next")).answer(), {
    ok: true,
    value: { text: "next", sandbox_id: SANDBOX },
  });
});
