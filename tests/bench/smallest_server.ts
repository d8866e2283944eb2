/** An MCP server of the protocol's library alone, with one tool: the floor of a start. */
import process from "node:process";
import { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import * as z from "zod";

serveStdio(() => {
  const server = new McpServer({ name: "smallest", version: "1" });
  server.registerTool("greet", { inputSchema: z.object({ name: z.string() }) }, ({ name }) => ({
    content: [{ type: "text", text: `hello ${name}` }],
  }));
  return server;
});
process.stdin.on("end", () => Deno.exit(0));
