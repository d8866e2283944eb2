/** Reads a client's line as a JSON-RPC message, or says why it is not one and which ids to answer. */
import { type JSONRPCMessage, parseJSONRPCMessage } from "@modelcontextprotocol/server";
import { RequestScan } from "./request_scan.ts";

/** Deepest nesting that is parsed; tools use a few levels. */
const MAX_DEPTH = 200;

/** JSON-RPC's error codes of messages that cannot be served. */
export const RPC_CODES = { parse: -32700, request: -32600, params: -32602 } as const;

/** Why a line is not a message. */
export interface Refusal {
  readonly code: number;
  readonly message: string;
  /** The ids to answer, each as JSON; `null` if no id could be read. Empty: nobody waits for a response. */
  readonly ids: readonly string[];
}

/**
 * Reads a line.
 *
 * @param line Its bytes, with or without a line feed.
 * @returns The message, or the refusal; undefined for a blank line.
 */
export function readMessage(line: Uint8Array): JSONRPCMessage | Refusal | undefined {
  const scan = new RequestScan();
  scan.push(line);
  if (scan.depth > MAX_DEPTH) {
    return refusal(
      scan,
      "request",
      `A message may have at most ${MAX_DEPTH} levels of nesting; received ${scan.depth}`,
    );
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(line);
  } catch {
    return refusal(scan, "parse", "A message must be UTF-8");
  }
  if (text.trim() === "") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refusal(scan, "parse", `A message must be one line of JSON: ${problemText(error)}`);
  }
  return checked(value) ?? problemOf(value, scan);
}

/**
 * Whether a line was refused.
 *
 * @param read What {@link readMessage} returned.
 */
export function isRefusal(read: JSONRPCMessage | Refusal): read is Refusal {
  return "ids" in read;
}

/**
 * Refuses a line.
 *
 * @param scan The whole line, scanned.
 * @param kind Which code it has.
 * @param why What is wrong, as a sentence without its period.
 */
export function refusal(scan: RequestScan, kind: keyof typeof RPC_CODES, why: string): Refusal {
  const ids = scan.ids();
  const unnamed = scan.isResponse ? [] : ["null"];
  return {
    code: RPC_CODES[kind],
    message: `${why}. The server ignored this message.`,
    ids: ids.length > 0 ? ids : unnamed,
  };
}

function checked(value: unknown): JSONRPCMessage | undefined {
  try {
    return parseJSONRPCMessage(value);
  } catch {
    return undefined;
  }
}

/** The refusal of JSON that is not a message. */
function problemOf(value: unknown, scan: RequestScan): Refusal {
  if (Array.isArray(value)) {
    return refusal(scan, "request", "MCP has no batches: send each message as a line of its own");
  }
  if (typeof value !== "object" || value === null) {
    return refusal(scan, "request", "A message must be a JSON object");
  }
  const { jsonrpc, id, method, params }: Readonly<Record<string, unknown>> = { ...value };
  if (jsonrpc !== "2.0") return refusal(scan, "request", 'A message must have "jsonrpc":"2.0"');
  if (id !== undefined && typeof id !== "string" && !Number.isSafeInteger(id)) {
    return refusal(scan, "request", "A request's id must be a string or an integer up to 2^53");
  }
  if (method === undefined) return refusal(scan, "request", "A message must have a method");
  if (typeof method !== "string") return refusal(scan, "request", "A method must be a string");
  // Nobody waits for a response to a notification.
  const found =
    params !== undefined && (typeof params !== "object" || params === null || Array.isArray(params))
      ? refusal(scan, "params", "params must be a JSON object")
      : refusal(
        scan,
        "params",
        "params._meta or another member does not have the form that MCP defines",
      );
  return id === undefined ? { ...found, ids: [] } : found;
}

function problemText(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 200) : "it is not JSON";
}
