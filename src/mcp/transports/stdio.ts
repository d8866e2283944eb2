/** MCP over the process's own standard streams. */
import process from "node:process";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { logger } from "../../observability/log.ts";
import { LineTransport } from "./line_transport.ts";
import { createMcpServer } from "../server.ts";
import type { Tool } from "../tool.ts";

const log = logger("mcp");

/** A running stdio server. */
export interface StdioServer {
  /** Resolves when the client has gone: standard input ended, or standard output broke. */
  readonly ended: Promise<string>;
  close(): Promise<void>;
}

/**
 * Serves MCP over stdin and stdout.
 *
 * @param tools The tools.
 */
export function startStdio(tools: readonly Tool[]): StdioServer {
  const ended = Promise.withResolvers<string>();
  process.stdin.once("end", () => ended.resolve("standard input ended"));
  process.stdin.once("close", () => ended.resolve("standard input closed"));
  process.stdout.once("error", (error: Error) => ended.resolve(`standard output broke: ${error.message}`));
  const handle = serveStdio(() => createMcpServer(tools), {
    transport: new LineTransport(process.stdin, process.stdout),
    onerror: (error) => log.warning("Protocol: {error}", { error: error.message }),
  });
  return { ended: ended.promise, close: async () => await handle.close() };
}
