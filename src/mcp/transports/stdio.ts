/** MCP over the process's own standard streams. */
import process from "node:process";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { logger } from "../../observability/log.ts";
import { within } from "../../lib/async/deadline.ts";
import { createMcpServer, type McpServerOptions } from "../server.ts";
import { LineTransport } from "./line_transport.ts";
import { standardOutput } from "./standard_output.ts";

const log = logger("mcp");

/** How long {@link StdioServer.close} waits for a client that reads its last responses. */
const LAST_WRITES_MS = 500;

/** A running stdio server. */
export interface StdioServer {
  /** Resolves, with the reason, when the client has disconnected: standard input ended, or standard output broke. */
  readonly ended: Promise<string>;
  close(): Promise<void>;
}

/**
 * Serves MCP over stdin and stdout.
 *
 * @param options The tools, and what they work with.
 */
export function startStdio(options: McpServerOptions): StdioServer {
  const ended = Promise.withResolvers<string>();
  process.stdin.once("end", () => ended.resolve("standard input ended"));
  process.stdin.once("close", () => ended.resolve("standard input closed"));
  const output = standardOutput();
  output.once("error", (error: Error) => ended.resolve(`standard output failed: ${error.message}`));
  const handle = serveStdio(() => createMcpServer(options), {
    transport: new LineTransport(process.stdin, output),
    onerror: (error) => log.warning("Protocol: {error}", { error: error.message }),
  });
  return {
    ended: ended.promise,
    close: async () => {
      await handle.close();
      const written = Promise.withResolvers<void>();
      output.end(() => written.resolve());
      await within(written.promise, LAST_WRITES_MS);
    },
  };
}
