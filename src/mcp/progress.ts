/** Progress notifications: one every two seconds, with the latest message. */
import type { ServerContext } from "@modelcontextprotocol/server";
import { logger } from "../observability/log.ts";
import type { CallReport } from "./tool.ts";
import { showable } from "../lib/text.ts";

const log = logger("mcp");

/** Clients give up on silent calls, some after ten seconds. */
const EVERY_MS = 2000;
const MESSAGE_CHARACTERS = 300;

/** A call whose progress is reported at a steady pace. */
export interface PacedCall extends CallReport {
  /** Ends the notifications. */
  end(): void;
}

/**
 * Sends the latest message every two seconds, where the client sent a progress token.
 *
 * @param context The SDK's context of the request.
 */
export function pacedCall(context: ServerContext): PacedCall {
  const token = context.mcpReq._meta?.progressToken;
  const { signal } = context.mcpReq;
  if (token === undefined) return { signal, progress: () => {}, limit: () => {}, end: () => {} };
  const start = performance.now();
  let message = "working";
  let limit = "";
  let progress = 0;
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - start) / 1000);
    progress += 1;
    const shown = showable(message).slice(-MESSAGE_CHARACTERS);
    context.mcpReq.notify({
      method: "notifications/progress",
      params: { progressToken: token, progress, message: `${seconds} s${limit}: ${shown}` },
    }).catch((error: unknown) => log.debug("Cannot report progress: {error}", { error: String(error) }));
  }, EVERY_MS);
  return {
    signal,
    progress: (latest) => {
      // This runs for each output, which may be one long line. So it only cuts; the message is escaped when it is sent.
      message = latest.slice(-4 * MESSAGE_CHARACTERS);
    },
    limit: (ms) => {
      limit = ` of ${ms / 1000} s`;
    },
    end: () => clearInterval(timer),
  };
}
