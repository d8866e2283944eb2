/** Tool results: success and error in one shape, text for the model and the same facts as structured content. */
import type { CallToolResult } from "@modelcontextprotocol/server";
import { OmcpError } from "../errors.ts";
import { logger } from "../log.ts";
import { showable } from "./text.ts";

const log = logger("mcp");

/**
 * A success of text and facts.
 *
 * @param text For the model.
 * @param structured The same as data.
 */
export function textResult(text: string, structured: Record<string, unknown>): CallToolResult {
  return { content: [{ type: "text", text }], structuredContent: structured };
}

/**
 * Turns whatever was thrown into a tool error: code, what happened, what state remains, what to do next.
 * An error that is not of this program is logged whole and shown without its details, which could hold anything.
 *
 * @param error What was thrown.
 */
export function errorResult(error: unknown): CallToolResult {
  const known = knownError(error);
  const lines = [`Error ${known.code}: ${sentence(known.message)}`];
  if (known.state !== undefined) lines.push(`State: ${sentence(known.state)}`);
  if (known.next !== undefined) lines.push(`Next: ${sentence(known.next)}`);
  if (known.retryable) lines.push("The same call may succeed if it is repeated.");
  return {
    isError: true,
    content: [{ type: "text", text: showable(lines.join("\n")) }],
    structuredContent: {
      error: {
        code: known.code,
        message: showable(known.message),
        retryable: known.retryable,
        ...(known.state === undefined ? {} : { state: showable(known.state) }),
        ...(known.next === undefined ? {} : { next: showable(known.next) }),
        details: known.details,
      },
    },
  };
}

function knownError(error: unknown): OmcpError {
  if (error instanceof OmcpError) return error;
  log.error("Unexpected error in a tool: {error}", {
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  return new OmcpError("internal", "The server met a defect of its own; its log has the details", {
    state: "It is not known whether the call ran.",
    next: "Look at the state with list_sandboxes before you repeat the call.",
    cause: error,
  });
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
