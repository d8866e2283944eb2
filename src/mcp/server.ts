/** The MCP server: one factory for every transport and protocol era. */
import { McpServer, type StandardSchemaWithJSON } from "@modelcontextprotocol/server";
import type * as z from "zod";
import { VERSION } from "../version.ts";
import { pacedCall } from "./progress.ts";
import { errorResult } from "./results.ts";
import type { Tool } from "./tool.ts";

const INSTRUCTIONS = [
  "Runs Python in isolated sandboxes: no network, no access to the host. State is kept between cells of one sandbox.",
  "Start with create_sandbox, pass its sandbox_id to execute_python_code and query_omop, and end with remove_sandbox.",
  "Where a database is configured, psycopg.connect() inside the sandbox reaches an OMOP CDM, read-only, with no arguments.",
].join(" ");

/**
 * Makes an MCP server with the given tools.
 *
 * @param tools All the tools.
 * @returns A server that is not connected yet.
 */
export function createMcpServer(tools: readonly Tool[]): McpServer {
  const server = new McpServer(
    { name: "omcp-python-sandbox", title: "OMCP Python Sandbox", version: VERSION },
    { capabilities: { tools: {} }, instructions: INSTRUCTIONS },
  );
  for (const tool of tools) {
    const { name, title, description, annotations, input } = tool;
    server.registerTool(
      name,
      { title, description, annotations, inputSchema: describedOnly(input) },
      async (given, context) => {
        const call = pacedCall(context);
        try {
          return await tool.run(given, call);
        } catch (error) {
          return errorResult(error);
        } finally {
          call.end();
        }
      },
    );
  }
  return server;
}

/**
 * The schema for clients to see, without its checks: the tool itself validates, and its errors say what to do.
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
