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
import type { CallOptions } from "./types.ts";
import { DEADLINES_MS, ENGINE_HINT } from "./types.ts";

/**
 * A container's standard streams. `readable` is its stdout, `writable` its stdin.
 *
 * The connection is read all the time, since an attach that nobody reads makes the engine hang on every call about that
 * container. stderr therefore keeps at most 256 KiB that nobody has read and drops what comes then. stdout drops nothing and so has
 * backpressure: whoever attaches must read it (or cancel it, then it is drained and discarded), or call `close()`.
 *
 * `writable.close()` closes stdin's half: the container sees the end of its stdin only with `StdinOnce`; without, the engine ends the attach.
 */
export interface Attachment extends ByteStream {
  /** What the container prints on its stderr; ends with the connection. */
  readonly stderr: ReadableStream<Uint8Array>;
  /** Bytes of stderr that were dropped because nobody read them. */
  readonly stderrDropped: number;
  /** Resolves when the connection is over, whatever the reason; never rejects. */
  readonly closed: Promise<void>;
  /** Frees the connection at once; both outputs end, writing fails. The container goes on. Idempotent. */
  close(): void;
}

/** Where and what to attach. */
export interface AttachRequest {
  readonly socketPath: string;
  /** With the version prefix, such as `/v1.41/containers/x/attach`. */
  readonly path: string;
  /** For messages. */
  readonly action: string;
  readonly call?: CallOptions | undefined;
}

/** The size of a read, in bytes. */
const READ_BYTES = 64 * 1024;
/** A read of less than this is copied out, so that a few bytes do not hold a whole buffer. */
const COPY_BELOW = 16 * 1024;
/** The most that is read of an error's body, in bytes. */
const MAX_ERROR_BODY = 64 * 1024;

/**
 * Attaches to a container's standard streams. Deadline and signal bound the opening only; afterwards `close()` ends it.
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
    state: "The container is as it was.",
    next: ENGINE_HINT,
  };
  return withDeadline(options, async (signal) => {
    let conn: Deno.UnixConn | undefined;
    let handedOver = false;
    using _closing = addAbortListener(signal, () => {
      if (conn && !handedOver) closeQuietly(conn);
    });
    try {
      conn = await Deno.connect({ transport: "unix", path: request.socketPath });
      if (signal.aborted) throw new Deno.errors.Interrupted("too late");
      const attachment = await shakeHands(conn, request);
      handedOver = !signal.aborted;
      return attachment;
    } catch (error) {
      throw transportError(request.action, error, false);
    } finally {
      if (conn && !handedOver) closeQuietly(conn);
    }
  });
}

async function shakeHands(conn: Deno.UnixConn, request: AttachRequest): Promise<Attachment> {
  const head = `POST ${request.path}?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\n` +
    "Host: docker.invalid\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n";
  await writeAll(conn, new TextEncoder().encode(head));
  const reader = new SocketReader(conn);
  const answer = await readResponseHead(request.action, () => reader.read());
  const type = answer.headers.get("content-type") ?? "";
  const hijacked = answer.status === 101 ||
    (answer.status === 200 && /docker\.(raw|multiplexed)-stream/.test(type));
  if (!hijacked) {
    if (answer.status < 400) throw invalidResponse(request.action, `status ${answer.status} instead of 101`);
    throw engineError(request.action, answer.status, messageOf(await errorBody(answer, reader)));
  }
  return new HijackedAttachment(conn, reader, answer.rest);
}

/** The attach once it is open: one loop reads the socket and hands out what comes. */
class HijackedAttachment implements Attachment {
  readonly readable: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly closed: Promise<void>;
  readonly #conn: Deno.UnixConn;
  readonly #output = new AttachOutput();
  #over = false;

  constructor(conn: Deno.UnixConn, reader: SocketReader, first: Uint8Array) {
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
    if (this.#over) return;
    this.#over = true;
    closeQuietly(this.#conn);
    this.#output.end(undefined);
  }

  async #pump(reader: SocketReader, first: Uint8Array): Promise<void> {
    let failure: unknown;
    try {
      let chunk: Uint8Array | null = first;
      while (chunk !== null && !this.#over) {
        await this.#output.push(chunk);
        chunk = await reader.read();
      }
      if (!this.#over) this.#output.checkEnd();
    } catch (error) {
      if (!this.#over) failure = transportError("read a container's output", error, false);
    }
    if (this.#over) return;
    this.#over = true;
    closeQuietly(this.#conn);
    this.#output.end(failure);
  }

  async #write(chunk: Uint8Array): Promise<void> {
    if (this.#over) throw stdinClosed(undefined);
    try {
      await writeAll(this.#conn, chunk);
    } catch (error) {
      throw stdinClosed(error);
    }
  }

  async #closeWrite(): Promise<void> {
    if (this.#over) return;
    try {
      await this.#conn.closeWrite();
    } catch (error) {
      // The other end may have gone first; then there is nothing left to close.
      if (!this.#over && !(error instanceof Deno.errors.NotConnected)) throw stdinClosed(error);
    }
  }
}

/** Reads a socket without handing the same memory out twice. */
class SocketReader {
  readonly #conn: Deno.UnixConn;
  #buffer = new Uint8Array(READ_BYTES);

  constructor(conn: Deno.UnixConn) {
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

/** The body of a refused attach: as long as it says it is, else what comes until the end, bounded in both cases. */
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
  return new OmcpError("engine_failed", "Cannot write to a container's stdin: the attach is over", {
    state: "The container may still run.",
    next: "Attach again, or remove the container.",
    cause,
  });
}
