/** The MCP server: one factory for every transport and protocol era. */
import {
  type CallToolResult,
  type McpServer,
  PROTOCOL_VERSION_META_KEY,
  type ServerContext,
  type StandardSchemaWithJSON,
} from "@modelcontextprotocol/server";
import * as z from "zod";
import type { ErrorCode } from "../errors.ts";
import { logger } from "../observability/log.ts";
import { describedServer } from "./described_server.ts";
import type { Principal } from "./principal.ts";
import { withEndNotice } from "./end_notice.ts";
import { pacedCall } from "./progress.ts";
import { errorResult, knownError } from "./results.ts";
import { linksFor } from "./resource_links.ts";
import { registerPrompts } from "./prompts/mod.ts";
import { registerResources } from "./resources.ts";
import { SKILLS } from "./skills.ts";
import { sandboxIdSchema } from "./sandbox_id.ts";
import type { ServerScope } from "./server_scope.ts";
import type { CallFacts, OfferedTool, ToolServices } from "./tool.ts";
import { announceChanges, type ToolOffer } from "./tool_offer.ts";

const log = logger("mcp");

/** What a server offers, and to whom. */
export interface McpServerOptions {
  /** What the server says of itself; the offer has the same toolsets. */
  readonly scope: ServerScope;
  readonly offer: ToolOffer;
  readonly services: ToolServices;
  readonly principal: Principal;
}

/**
 * Creates an MCP server with the given tools.
 *
 * @param options See {@link McpServerOptions}.
 * @returns A server that is not connected yet.
 */
export function createMcpServer(options: McpServerOptions): McpServer {
  const server = describedServer(options.scope);
  const tools = options.offer.current();
  for (const offered of tools) {
    const { name, title, description, annotations, input } = offered;
    server.registerTool(
      name,
      { title, description, annotations, inputSchema: describedOnly(input) },
      async (given, context) => {
        const tool = options.offer.current().find((each) => each.name === name) ?? offered;
        const { result, sandbox } = await serveCall(tool, given, { ...options, context });
        announce();
        return linksFor(
          protocolVersion(server, context),
          withEndNotice(result, sandbox, { tools, services: options.services }),
        );
      },
    );
  }
  // After the tools, whose registration sets the library's own list.
  const announce = announceChanges(server, options.offer);
  const { toolsets, disclosure } = options.scope;
  if (toolsets.includes("files")) registerResources(server, options);
  if (toolsets.includes("omop")) {
    // They ask for rows, medians and exact dates.
    if (disclosure === "open") registerPrompts(server, options.services);
    SKILLS.attach(server);
  }
  return server;
}

const versionedEnvelope = z.object({ [PROTOCOL_VERSION_META_KEY]: z.string() });

/** Since 2026-07-28 each request has an envelope with the version; before, the connection has one. */
function protocolVersion(server: McpServer, { mcpReq: { envelope } }: ServerContext): string | undefined {
  const ofRequest = versionedEnvelope.safeParse(envelope).data;
  return ofRequest?.[PROTOCOL_VERSION_META_KEY] ?? server.server.getNegotiatedProtocolVersion();
}

async function serveCall(
  tool: OfferedTool,
  given: unknown,
  { services, principal, context }: McpServerOptions & { readonly context: ServerContext },
): Promise<{ readonly result: CallToolResult; readonly sandbox: string | undefined }> {
  const call = pacedCall(context);
  const start = performance.now();
  let facts: CallFacts = sandboxOf(given);
  let code: ErrorCode | undefined;
  try {
    const note = (more: CallFacts): void => void (facts = { ...facts, ...more });
    if (concernsSandboxes(tool, given)) await services.settled?.(call.signal);
    const result = await tool.call(given, { ...call, principal, services, note });
    return { result, sandbox: facts.sandbox };
  } catch (error) {
    const known = knownError(error);
    code = known.code;
    return { result: errorResult(known), sandbox: facts.sandbox };
  } finally {
    call.end();
    log.info("{tool}: {outcome} in {durationMs} ms", {
      tool: tool.name,
      outcome: code === undefined ? (facts.status ?? "ok") : "failed",
      durationMs: Math.round(performance.now() - start),
      ...(facts.sandbox === undefined ? {} : { sandbox: facts.sandbox }),
      ...(facts.execution === undefined ? {} : { execution: facts.execution }),
      ...(code === undefined ? {} : { code }),
    });
  }
}

const namesSandbox = z.union([z.object({ sandbox_id: z.string() }), z.object({ execution_id: z.string() })]);

/** Whether the call's result depends on the sandboxes of an earlier server. */
function concernsSandboxes({ name }: OfferedTool, given: unknown): boolean {
  return name === "list_sandboxes" || namesSandbox.safeParse(given).success;
}

const sandboxArgument = z.object({ sandbox_id: sandboxIdSchema });

/** The sandbox that a call names, if any: the log gets nothing else that a client sends. */
function sandboxOf(given: unknown): CallFacts {
  const { data } = sandboxArgument.safeParse(given);
  return data === undefined ? {} : { sandbox: data.sandbox_id };
}

/**
 * The schema that clients see, without its checks: the tool validates its input itself, and its errors say what to do.
 *
 * @param schema The tool's schema.
 */
function describedOnly(schema: z.ZodObject): StandardSchemaWithJSON<unknown, unknown> {
  return {
    "~standard": {
      version: 1,
      vendor: "omcp",
      validate: (value) => ({ value }),
      jsonSchema: schema["~standard"].jsonSchema,
    },
  };
}
