import { addAbortListener } from "node:events";
import { closeQuietly, writeAll } from "../lib/connection.ts";
import { OmcpError } from "../errors.ts";
import type { ByteStream } from "../lib/byte_stream.ts";
import { AttachOutput } from "./attach_output.ts";
import { withDeadline } from "../lib/async/with_deadline.ts";
import { engineError, invalidResponse, transportError } from "./engine_errors.ts";
import { messageOf } from "./http.ts";
import { readResponseHead } from "./response_head.ts";
import type { ResponseHead } from "./response_head.ts";
import type { Endpoint } from "./endpoint.ts";
import type { CallOptions } from "./types.ts";
import { DEADLINES_MS, ENGINE_HINT } from "./types.ts";

/**
 * A container's standard streams. `readable` is its stdout, `writable` its stdin.
 *
 * This client always reads the connection, because an attach that nobody reads makes the engine hang on every call about that
 * container. stderr keeps at most 256 KiB of unread bytes and drops further bytes. stdout drops nothing and so has backpressure: the
 * caller must read it, cancel it (then this client drains it), or call `close()`.
 *
 * `writable.close()` closes stdin's half. With `StdinOnce` the container reads the end of its stdin; without it, the engine ends the
 * attach.
 */
export interface Attachment extends ByteStream {
  /** What the container prints on its stderr; ends with the connection. */
  readonly stderr: ReadableStream<Uint8Array>;
  /** Bytes of stderr that were dropped because nobody read them. */
  readonly stderrDropped: number;
  /** Resolves when the connection has ended, for any reason; never rejects. */
  readonly closed: Promise<void>;
  /** Ends the connection at once; both outputs end, and writing fails. The container keeps running. Idempotent. */
  close(): void;
}

/** Where and what to attach. */
export interface AttachRequest {
  readonly endpoint: Pick<Endpoint, "dial" | "name" | "host">;
  /** With the version prefix, such as `/v1.41/containers/x/attach`. */
  readonly path: string;
  /** What it does, such as "attach to container x", for messages. */
  readonly action: string;
  readonly call?: CallOptions | undefined;
}

/** The size of a read, in bytes. */
const READ_BYTES = 64 * 1024;
/** A shorter read is copied, so that a few bytes do not retain a whole buffer. */
const COPY_BELOW = 16 * 1024;
/** How much of an error's body is read, in bytes. */
const MAX_ERROR_BODY = 64 * 1024;

/**
 * Attaches to a container's standard streams. The deadline and the signal apply to the opening only; `close()` ends an open attach.
 *
 * @param request Where and what.
 * @returns The open streams.
 * @throws {OmcpError} `engine_not_found`, `engine_conflict`, other `engine_*`, `timeout` or `cancelled`.
 */
export function openAttach(request: AttachRequest): Promise<Attachment> {
  const options = {
    action: request.action,
    deadlineMs: request.call?.deadlineMs ?? DEADLINES_MS.unary,
    signal: request.call?.signal,
    state: "The container is unchanged.",
    next: ENGINE_HINT,
  };
  return withDeadline(options, async (signal) => {
    let conn: Deno.Conn | undefined;
    let handedOver = false;
    using _closing = addAbortListener(signal, () => {
      if (conn && !handedOver) closeQuietly(conn);
    });
    try {
      conn = await request.endpoint.dial();
      if (signal.aborted) throw new Deno.errors.Interrupted("aborted");
      const attachment = await upgrade(conn, request);
      handedOver = !signal.aborted;
      return attachment;
    } catch (error) {
      throw transportError(request.action, error, false, request.endpoint.name);
    } finally {
      if (conn && !handedOver) closeQuietly(conn);
    }
  });
}

async function upgrade(conn: Deno.Conn, request: AttachRequest): Promise<Attachment> {
  const head = `POST ${request.path}?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\n` +
    `Host: ${request.endpoint.host}\r\n` +
    "Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n";
  await writeAll(conn, new TextEncoder().encode(head));
  const reader = new SocketReader(conn);
  const response = await readResponseHead(request.action, () => reader.read());
  const type = response.headers.get("content-type") ?? "";
  const hijacked = response.status === 101 ||
    (response.status === 200 && /docker\.(raw|multiplexed)-stream/.test(type));
  if (!hijacked) {
    if (response.status < 400) {
      throw invalidResponse(request.action, `status ${response.status} instead of 101`);
    }
    throw engineError(request.action, response.status, messageOf(await errorBody(response, reader)));
  }
  return new HijackedAttachment(conn, reader, response.rest);
}

/** An open attach: one loop reads the socket and distributes its output. */
class HijackedAttachment implements Attachment {
  readonly readable: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly closed: Promise<void>;
  readonly #conn: Deno.Conn;
  readonly #output = new AttachOutput();
  #ended = false;

  constructor(conn: Deno.Conn, reader: SocketReader, first: Uint8Array) {
    this.#conn = conn;
    this.readable = this.#output.stdout;
    this.stderr = this.#output.stderr;
    this.writable = new WritableStream<Uint8Array>({
      write: (chunk) => this.#write(chunk),
      close: () => this.#closeWrite(),
      abort: () => this.close(),
    });
    this.closed = this.#pump(reader, first);
  }

  get stderrDropped(): number {
    return this.#output.stderrDropped;
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    closeQuietly(this.#conn);
    this.#output.end(undefined);
  }

  async #pump(reader: SocketReader, first: Uint8Array): Promise<void> {
    let failure: unknown;
    try {
      let chunk: Uint8Array | null = first;
      while (chunk !== null && !this.#ended) {
        await this.#output.push(chunk);
        chunk = await reader.read();
      }
      if (!this.#ended) this.#output.checkEnd();
    } catch (error) {
      if (!this.#ended) failure = transportError("read a container's output", error, false);
    }
    if (this.#ended) return;
    this.#ended = true;
    closeQuietly(this.#conn);
    this.#output.end(failure);
  }

  async #write(chunk: Uint8Array): Promise<void> {
    if (this.#ended) throw stdinClosed(undefined);
    try {
      await writeAll(this.#conn, chunk);
    } catch (error) {
      throw stdinClosed(error);
    }
  }

  async #closeWrite(): Promise<void> {
    if (this.#ended) return;
    try {
      await this.#conn.closeWrite();
    } catch (error) {
      // The other end may have closed first.
      if (!this.#ended && !(error instanceof Deno.errors.NotConnected)) throw stdinClosed(error);
    }
  }
}

/** Reads a socket; every chunk has memory of its own. */
class SocketReader {
  readonly #conn: Deno.Conn;
  #buffer = new Uint8Array(READ_BYTES);

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  async read(): Promise<Uint8Array | null> {
    const count = await this.#conn.read(this.#buffer);
    if (count === null) return null;
    if (count < COPY_BELOW) return this.#buffer.slice(0, count);
    const full = this.#buffer.subarray(0, count);
    this.#buffer = new Uint8Array(READ_BYTES);
    return full;
  }
}

/** The body of a refused attach: as many bytes as its head announces, at most {@link MAX_ERROR_BODY}. */
async function errorBody(head: ResponseHead, reader: SocketReader): Promise<string> {
  const announced = Number(head.headers.get("content-length") ?? "0");
  const wanted = Math.min(Number.isSafeInteger(announced) ? announced : 0, MAX_ERROR_BODY);
  const decoder = new TextDecoder();
  let chunk: Uint8Array | null = head.rest;
  let text = "";
  for (let total = 0; chunk !== null; chunk = await reader.read()) {
    text += decoder.decode(chunk, { stream: true });
    total += chunk.byteLength;
    if (total >= wanted) break;
  }
  return text;
}

function stdinClosed(cause: unknown): OmcpError {
  return new OmcpError("engine_failed", "Cannot write to a container's stdin: the attach has ended", {
    state: "The container may still run.",
    next: "Attach again, or remove the container.",
    cause,
  });
}
