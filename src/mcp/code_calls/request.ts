/** A call as code in a sandbox writes it: one line of JSON. */
import * as z from "zod";
import { OmcpError } from "../../errors.ts";
import { RequestScan } from "../transports/request_scan.ts";
import type { CodeCallLimits } from "./limits.ts";

const requestSchema = z.strictObject({
  tool: z.string().min(1).max(64),
  arguments: z.record(z.string(), z.unknown()),
  /** As `empty`, see `CodeContext`. */
  ran: z.boolean().default(false),
  empty: z.boolean().default(false),
});

/** A call: the tool, its unchecked arguments, and what became of an earlier answer. */
export type CodeRequest = z.output<typeof requestSchema>;

/**
 * Reads a request.
 *
 * @param line Its bytes, without the line feed.
 * @param limits `depth` is used: a parser works on the stack.
 * @throws {OmcpError} `invalid_argument`.
 */
export function readRequest(line: Uint8Array, limits: CodeCallLimits): CodeRequest {
  const scan = new RequestScan();
  scan.push(line);
  if (scan.depth > limits.depth) {
    throw refused(`may have at most ${limits.depth} levels of lists and objects; received ${scan.depth}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(line));
  } catch {
    throw refused("must be a line of JSON in UTF-8");
  }
  const parsed = requestSchema.safeParse(value);
  if (!parsed.success) throw refused('must have the form {"tool": "…", "arguments": {…}}');
  return parsed.data;
}

function refused(why: string): OmcpError {
  return new OmcpError("invalid_argument", `A call ${why}`, { state: "Nothing was done." });
}
