import { concatBytes } from "../lib/bytes.ts";
import { invalidResponse } from "./engine_errors.ts";

/** The head of an HTTP response. */
export interface ResponseHead {
  readonly status: number;
  /** Names in lower case. A repeated header keeps its first value. */
  readonly headers: ReadonlyMap<string, string>;
  /** Bytes read after the head. */
  readonly rest: Uint8Array;
}

/** The largest head accepted, in bytes. */
const MAX_HEAD = 16 * 1024;
const STATUS_LINE = /^HTTP\/1\.[01] ([1-5][0-9]{2})(?: [\x20-\x7e]*)?$/;
const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e\t]*?)[ \t]*$/;

/**
 * Reads the head of an HTTP/1.1 response from a socket, strictly (RFC 9112, sections 2.2 to 5).
 *
 * @param action What is done, for the message.
 * @param read Reads the next bytes; `null` at the end.
 * @returns The head, and the bytes read after it.
 * @throws {OmcpError} `engine_failed` for anything else.
 */
export async function readResponseHead(
  action: string,
  read: () => Promise<Uint8Array | null>,
): Promise<ResponseHead> {
  let bytes: Uint8Array = new Uint8Array(0);
  let end = -1;
  while (end < 0) {
    if (bytes.byteLength > MAX_HEAD) throw invalidResponse(action, `a head of more than ${MAX_HEAD} bytes`);
    const chunk = await read();
    if (chunk === null) throw invalidResponse(action, "the connection ends within the head");
    bytes = concatBytes([bytes, chunk]);
    requireHttp(action, bytes);
    end = endOfHead(bytes);
  }
  const lines = new TextDecoder("latin1").decode(bytes.subarray(0, end)).split("\r\n");
  const status = STATUS_LINE.exec(lines[0] ?? "")?.[1];
  if (status === undefined) throw invalidResponse(action, "no HTTP status line");
  const headers = new Map<string, string>();
  for (const line of lines.slice(1)) {
    const [, name, value] = HEADER_LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) {
      throw invalidResponse(action, "an invalid header line");
    }
    const key = name.toLowerCase();
    if (!headers.has(key)) headers.set(key, value);
  }
  return { status: Number(status), headers, rest: bytes.subarray(end + 4) };
}

/** Other protocols are refused at once instead of at the deadline. */
function requireHttp(action: string, bytes: Uint8Array): void {
  const start = new TextDecoder("latin1").decode(bytes.subarray(0, 7));
  if (!"HTTP/1.".startsWith(start)) throw invalidResponse(action, "not HTTP");
}

/** Where the empty line begins, or -1. */
function endOfHead(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(13); at >= 0; at = bytes.indexOf(13, at + 1)) {
    if (bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at;
  }
  return -1;
}
