/** One request to the agent's file service: its stream, the lines of its replies and the bytes between them. */
import { addAbortListener } from "node:events";
import * as z from "zod";
import {
  fileErrorSchema,
  type FileRequest,
  FILES_SERVICE,
  MAX_REPLY_LINE_BYTES,
} from "../../agent_protocol/messages/mod.ts";
import { type Channel, StreamResetError } from "../../agent_protocol/mod.ts";
import { OmcpError } from "../../errors.ts";
import { abortable } from "../../lib/async/abortable.ts";
import { abortError } from "../../lib/async/abort_error.ts";
import { DeadlineSignal } from "../../lib/async/deadline.ts";
import { ByteReader } from "../../lib/byte_reader.ts";
import type { ByteStream } from "../../lib/byte_stream.ts";
import { errorOfReset, fileError, stateAfter } from "./errors.ts";

/** What a {@link FileExchange} needs besides its request. */
export interface FileExchangeParts {
  readonly channel: Pick<Channel, "openStream">;
  /** The request's deadline, ms; it includes the transfer of a file's bytes. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  /** Turns an error of the channel, or an invalid reply, into the caller's, and throws it. */
  readonly failed: (error: unknown) => Promise<never>;
  /** Called once, when the request has ended. */
  readonly onEnd: () => void;
}

/** An invalid reply: the server cannot trust such an agent. */
export class InvalidReply extends Error {
  override readonly name = "InvalidReply";
}

const lineSchema = z.union([
  z.strictObject({ result: z.unknown() }),
  z.strictObject({ error: fileErrorSchema }),
]);

/** A request that was sent, and its replies. It ends with {@link FileExchange.close}, with its deadline or with its caller's signal. */
export class FileExchange {
  readonly #request: FileRequest;
  readonly #parts: FileExchangeParts;
  readonly #deadline: DeadlineSignal;
  readonly #reader: ByteReader;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #listener: Disposable;
  #closed = false;
  /** The caller's error for the first failure. Everything after it fails with the same. */
  #failure: Promise<unknown> | undefined;

  private constructor(
    request: FileRequest,
    parts: FileExchangeParts,
    deadline: DeadlineSignal,
    stream: ByteStream,
  ) {
    this.#request = request;
    this.#parts = parts;
    this.#deadline = deadline;
    this.#reader = new ByteReader(stream.readable);
    this.#writer = stream.writable.getWriter();
    this.#writer.closed.catch(() => {});
    this.#listener = addAbortListener(deadline.signal, () => this.close());
  }

  /**
   * Opens a stream and sends a request on it.
   *
   * @param request The request.
   * @param parts See {@link FileExchangeParts}.
   * @throws {OmcpError} `capacity`, `cancelled`, `timeout`, or what `failed` throws.
   */
  static async open(request: FileRequest, parts: FileExchangeParts): Promise<FileExchange> {
    const deadline = new DeadlineSignal(parts.deadlineMs, parts.signal);
    let stream: ByteStream;
    try {
      stream = await parts.channel.openStream(FILES_SERVICE, deadline.signal);
    } catch (error) {
      deadline[Symbol.dispose]();
      parts.onEnd();
      if (error instanceof OmcpError && error.code !== "channel_failed") throw error;
      return await parts.failed(error);
    }
    const exchange = new FileExchange(request, parts, deadline, stream);
    await exchange.send(new TextEncoder().encode(`${JSON.stringify(request)}\n`));
    if (request.op !== "write") await exchange.endSending();
    return exchange;
  }

  /** Sends bytes. @throws {OmcpError} As {@link FileExchange.result}. */
  async send(bytes: Uint8Array): Promise<void> {
    await this.#guarded(this.#writer.write(bytes));
  }

  /** Sends no more. @throws {OmcpError} As {@link FileExchange.result}. */
  async endSending(): Promise<void> {
    await this.#guarded(this.#writer.close());
  }

  /**
   * Reads the next line of the reply.
   *
   * @param schema The result's schema.
   * @throws {OmcpError} The agent's error as the caller's; `timeout`, `cancelled`; or what `failed` throws.
   */
  async result<Schema extends z.ZodType>(schema: Schema): Promise<z.output<Schema>> {
    return await this.#guarded(this.#result(schema));
  }

  /**
   * Reads bytes that are not lines.
   *
   * @param most How many at most, above 0.
   * @returns At least one byte.
   * @throws {OmcpError} As {@link FileExchange.result}.
   */
  async bytes(most: number): Promise<Uint8Array> {
    return await this.#guarded(this.#bytes(most));
  }

  /** Ends it. If the agent has not finished, it stops, and leaves nothing behind. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener[Symbol.dispose]();
    this.#deadline[Symbol.dispose]();
    void this.#reader.cancel();
    this.#writer.abort().catch(() => {});
    this.#parts.onEnd();
  }

  async #result<Schema extends z.ZodType>(schema: Schema): Promise<z.output<Schema>> {
    const line = lineSchema.safeParse(parsed(await this.#line()));
    if (!line.success) throw new InvalidReply("a line of its reply is invalid");
    if ("error" in line.data) throw fileError(this.#request, line.data.error);
    const result = schema.safeParse(line.data.result);
    if (!result.success) throw new InvalidReply(`the result of ${this.#request.op} is invalid`);
    return result.data;
  }

  async #line(): Promise<Uint8Array> {
    const line = await this.#reader.readLine(MAX_REPLY_LINE_BYTES);
    if (line === "too_long") throw new InvalidReply("a line of its reply is too long");
    if (line === "ended") throw endedEarly();
    return line;
  }

  async #bytes(most: number): Promise<Uint8Array> {
    const bytes = await this.#reader.readSome(most);
    if (bytes === undefined) throw endedEarly();
    return bytes;
  }

  /** Ends the exchange where the work fails, and turns its error into the caller's. */
  async #guarded<T>(work: Promise<T>): Promise<T> {
    try {
      return await abortable(work, this.#deadline.signal);
    } catch (error) {
      this.#failure ??= this.#callerError(error).catch((failure: unknown) => failure);
      this.close();
      throw await this.#failure;
    }
  }

  /** Resolves to the caller's error, or rejects with it where `failed` throws it. */
  async #callerError(error: unknown): Promise<unknown> {
    const request = this.#request;
    const { signal } = this.#deadline;
    if (signal.aborted) {
      return abortError(signal.reason, `Cannot finish the request "${request.op}" for a file`, {
        state: request.op === "remove" ? "Some of it may have been removed." : stateAfter(request),
      });
    }
    // After a close, a read ends as if the reply had ended early.
    if (this.#closed) return new OmcpError("cancelled", "The call was ended", { state: stateAfter(request) });
    const refused = error instanceof StreamResetError ? errorOfReset(error.reason ?? "") : undefined;
    if (refused !== undefined) return fileError(request, refused);
    if (error instanceof OmcpError && error.code !== "channel_failed") return error;
    return await this.#parts.failed(error);
  }
}

function endedEarly(): InvalidReply {
  return new InvalidReply("its reply ended too early");
}

function parsed(line: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(line));
  } catch {
    throw new InvalidReply("a line of its reply is not JSON");
  }
}
