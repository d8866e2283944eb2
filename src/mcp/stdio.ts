/** MCP over the process's own standard streams. */
import process from "node:process";
import { serveStdio, StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { logger } from "../log.ts";
import { BoundedLines, type DroppedLine } from "./bounded_lines.ts";
import { createMcpServer } from "./server.ts";
import type { Tool } from "./tool.ts";

const log = logger("mcp");

/** The longest message, in bytes: a cell's source may have a million characters, each of them escaped. */
const MESSAGE_BYTES = 8 * 1024 * 1024;
/** JSON-RPC's code for a request that is none. */
const INVALID_REQUEST = -32600;

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
  const input = process.stdin.pipe(new BoundedLines(MESSAGE_BYTES, refuse));
  const transport = new StdioServerTransport(input, process.stdout, { maxBufferSize: 2 * MESSAGE_BYTES });
  const handle = serveStdio(() => createMcpServer(tools), {
    transport,
    onerror: (error) => log.warning("Protocol: {error}", { error: error.message }),
  });
  return { ended: ended.promise, close: async () => await handle.close() };
}

/** Answers a message that was too long to be read: whoever sent it may wait for an answer. */
function refuse({ bytes, id }: DroppedLine): void {
  const message = `A message must have at most ${MESSAGE_BYTES} bytes: received ${bytes}. It was not read.`;
  log.warning("Protocol: {message}", { message });
  process.stdout.write(
    `${JSON.stringify({ jsonrpc: "2.0", id, error: { code: INVALID_REQUEST, message } })}\n`,
  );
}
