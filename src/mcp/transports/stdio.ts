/** MCP over the process's own standard streams. */
import process from "node:process";
import type { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { logger } from "../../observability/log.ts";
import { within } from "../../lib/async/deadline.ts";
import { describedServer } from "../described_server.ts";
import type { ServerScope } from "../server_scope.ts";
import { EarlyTransport } from "./early_transport.ts";
import { LineTransport } from "./line_transport.ts";
import { standardOutput } from "./standard_output.ts";

const log = logger("mcp");

/** How long {@link StdioServer.close} waits for the responses of calls that the end of the sandboxes ends; within the shutdown's 5 s. */
const LAST_ERRORS_MS = 3000;
/** How long it then waits for a client that reads them. */
const LAST_WRITES_MS = 500;

/** How long requests that were read before standard input ended may take, from the moment when the program is loaded. */
const LAST_ANSWERS_MS = 5000;
/** How long the load may take then. */
const LAST_LOAD_MS = 20_000;

/** How long the server waits for a client's first message before it loads the rest of the program. */
const FIRST_MESSAGE_MS = 200;

/** What {@link startStdio} serves. */
export interface StdioOptions {
  readonly scope: ServerScope;
  /** Loads the rest of the program. Returns what creates the server of a connection. */
  readonly load: () => Promise<() => McpServer>;
}

/** A running stdio server. */
export interface StdioServer {
  /**
   * Resolves, with the reason, when the client has disconnected: standard input ended and what it brought is answered or takes too
   * long, or standard output broke.
   */
  readonly ended: Promise<string>;
  /** Resolves when the rest of the program is loaded; rejects if it cannot be. */
  readonly loaded: Promise<void>;
  /** Stops reading; requests that end soon still get their responses. */
  close(): Promise<void>;
}

/**
 * Serves MCP over stdin and stdout. `initialize` is answered at once, everything else when the rest of the program is loaded.
 *
 * @param options See {@link StdioOptions}.
 */
export function startStdio({ scope, load }: StdioOptions): StdioServer {
  const inputEnded = Promise.withResolvers<string>();
  process.stdin.once("end", () => inputEnded.resolve("standard input ended"));
  process.stdin.once("close", () => inputEnded.resolve("standard input closed"));
  const outputFailed = Promise.withResolvers<string>();
  const output = standardOutput();
  output.once("error", (error: Error) => outputFailed.resolve(`standard output failed: ${error.message}`));
  const transport = new EarlyTransport(
    new LineTransport(process.stdin, output),
    () => describedServer(scope),
  );
  let close = (): Promise<void> => transport.close();
  async function start(): Promise<void> {
    await within(transport.needed, FIRST_MESSAGE_MS);
    const create = await load();
    const handle = serveStdio(create, {
      transport,
      onerror: (error) => log.warning("Protocol: {error}", { error: error.message }),
    });
    close = () => handle.close();
  }
  const loaded = start();
  async function lastAnswers(): Promise<void> {
    await within(loaded, LAST_LOAD_MS);
    await within(transport.closed, LAST_ANSWERS_MS);
  }
  async function answered(): Promise<string> {
    const reason = await inputEnded.promise;
    await Promise.race([transport.closed, lastAnswers()]);
    return reason;
  }
  return {
    ended: Promise.race([outputFailed.promise, answered()]),
    loaded,
    close: async () => {
      transport.end();
      await within(transport.closed, LAST_ERRORS_MS);
      await close();
      const written = Promise.withResolvers<void>();
      output.end(() => written.resolve());
      await within(written.promise, LAST_WRITES_MS);
    },
  };
}
