/**
 * Tool results. The whole result is in `content`: where `structuredContent` is present, the largest clients show the
 * model nothing else.
 */
import type { CallToolResult } from "@modelcontextprotocol/server";
import { ERROR_CODES, OmcpError } from "../errors.ts";
import { logger } from "../observability/log.ts";
import { showable } from "../lib/text.ts";

const log = logger("mcp");

/** Characters shown of one detail of an error. */
const DETAIL_CHARACTERS = 500;

/**
 * A success.
 *
 * @param text For the model.
 */
export function textResult(text: string): CallToolResult {
  return { content: [{ type: "text", text }] };
}

/**
 * Writes a tool error: code, what happened, what state remains, what to do next, details.
 *
 * @param known The error.
 */
export function errorResult(known: OmcpError): CallToolResult {
  const lines = [`Error ${known.code}: ${sentence(known.message)}`];
  lines.push(`State: ${sentence(known.state ?? ERROR_CODES[known.code].state)}`);
  if (known.next !== undefined) lines.push(`Next: ${sentence(known.next)}`);
  const details = detailsText(known.details);
  if (details !== "") lines.push(`Details: ${details}`);
  lines.push(`retryable: ${known.retryable ? "yes" : "no"}`);
  return { isError: true, content: [{ type: "text", text: showable(lines.join("\n")) }] };
}

/** The fields of an error; `message`, `state` and `next` are sentences. */
export interface ErrorData {
  readonly code: string;
  readonly message: string;
  readonly state: string;
  readonly next: string | null;
  readonly retryable: boolean;
  readonly details: OmcpError["details"];
}

/**
 * An error as JSON, for code in a sandbox: the fields of the Python exception `omcp.OmcpError`.
 *
 * @param known The error.
 */
export function errorData({ code, message, state, next, retryable, details }: OmcpError): ErrorData {
  return {
    code,
    message: sentence(message),
    state: sentence(state ?? ERROR_CODES[code].state),
    next: next === undefined ? null : sentence(next),
    retryable,
    details,
  };
}

/** Details as `name: value`. The issues of wrong arguments are the message itself. */
function detailsText(details: OmcpError["details"]): string {
  return Object.entries(details).flatMap(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    if (name === "issues" || text === undefined || value === null) return [];
    return [`${name}: ${text.length > DETAIL_CHARACTERS ? `${text.slice(0, DETAIL_CHARACTERS)}…` : text}`];
  }).join("; ");
}

/**
 * Turns anything that was thrown into an {@link OmcpError}. An unexpected error goes to the log only, because it could hold anything.
 *
 * @param error What was thrown.
 */
export function knownError(error: unknown): OmcpError {
  if (error instanceof OmcpError) return error;
  log.error("Unexpected error in a tool: {error}", {
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  return new OmcpError("internal", "Internal server error; see the server log", {
    state: "It is unknown whether the call ran.",
    next: "Look at the state with list_sandboxes before you repeat the call.",
    cause: error,
  });
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
