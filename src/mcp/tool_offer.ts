/** The tools of a server, whose definitions become more precise when the server has found its engine and its database. */
import type { McpServer } from "@modelcontextprotocol/server";
import { within } from "../lib/async/deadline.ts";
import type { OfferedTool } from "./tool.ts";

/** How long a list of tools waits for definitions that are more precise. */
const LIST_WAIT_MS = 3000;

/** What a server offers. The names stay; the definitions may change. */
export interface ToolOffer {
  /** The tools as they are defined now; the same array while no definition changes. */
  current(): readonly OfferedTool[];
  /** Resolves when the server has looked for its engine and its database. */
  readonly settled: Promise<void>;
}

/**
 * Tools whose definitions do not change.
 *
 * @param tools The tools.
 */
export function fixedOffer(tools: readonly OfferedTool[]): ToolOffer {
  return { current: () => tools, settled: Promise.resolve() };
}

/**
 * Tools whose definitions depend on facts: they are defined again when a fact has changed.
 *
 * @param facts The facts as they are now, as JSON can hold them.
 * @param define Makes the tools from the facts.
 * @param settled See {@link ToolOffer}.
 */
export function changingOffer<Facts>(
  facts: () => Facts,
  define: (facts: Facts) => readonly OfferedTool[],
  settled: Promise<void>,
): ToolOffer {
  let known: { readonly key: string; readonly tools: readonly OfferedTool[] } | undefined;
  return {
    settled,
    current: () => {
      const now = facts();
      const key = JSON.stringify(now);
      if (known?.key !== key) known = { key, tools: define(now) };
      return known.tools;
    },
  };
}

/**
 * Lists a server's tools as they are defined at the time. A client that has a list is notified when a definition has changed.
 *
 * @param server The server of one connection.
 * @param offer Its tools, which are registered.
 * @returns Looks for a change; to be called after whatever may have changed a definition.
 */
export function announceChanges(server: McpServer, offer: ToolOffer): () => void {
  let listed: readonly OfferedTool[] | undefined;
  function look(): void {
    const tools = offer.current();
    if (listed === undefined || listed === tools) return;
    listed = tools;
    server.sendToolListChanged();
  }
  server.server.setRequestHandler("tools/list", async () => {
    await within(offer.settled, LIST_WAIT_MS);
    listed = offer.current();
    return {
      tools: listed.map(({ name, title, description, annotations, input }) => {
        const inputSchema = input["~standard"].jsonSchema.input({ target: "draft-2020-12" });
        return { name, title, description, annotations, inputSchema: { ...inputSchema, type: "object" } };
      }),
    };
  });
  void offer.settled.then(look);
  return look;
}
