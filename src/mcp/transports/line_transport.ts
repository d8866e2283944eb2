/**
 * MCP's stdio transport: each line is a message. The protocol library's own transport silently drops a line that it cannot read,
 * and the client waits forever; this one answers.
 */
import type { Readable, Writable } from "node:stream";
import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/server";
import { logger } from "../../observability/log.ts";
import { BoundedLines } from "./bounded_lines.ts";
import { isRefusal, readMessage, type Refusal, refusal, RPC_CODES } from "./read_message.ts";

const log = logger("mcp");

/** Longest message in bytes: a cell's source may have a million characters, each of them escaped. */
const MESSAGE_BYTES = 8 * 1024 * 1024;
/** What makes a message that long is nearly always a file. */
const LARGE_FILES =
  "Nothing was done. Write a larger file in parts with write_file (at most 6000000 bytes each as base64) and join them in a cell, " +
  "make it in a cell, or use import_file where it is offered.";
/** Maximum of running requests whose ids are remembered; beyond it, the oldest id is forgotten and may be used again. */
const MAX_RUNNING = 10_000;
/** This request has no response while the client is connected. */
const SUBSCRIPTION = "subscriptions/listen";
/** Responses that wait for the client to read, in bytes; above it the client sends no more requests. */
const UNREAD_BYTES = 32 * 1024 * 1024;

/** One client on a pair of streams. */
export class LineTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport["onmessage"];
  readonly #input: Readable;
  readonly #output: Writable;
  readonly #lines: BoundedLines;
  /** The methods of requests without a response so far, by their ids. */
  readonly #running = new Map<unknown, string>();
  #ended = false;
  #closed = false;

  /**
   * @param input What the client sends.
   * @param output Where responses go.
   */
  constructor(input: Readable, output: Writable) {
    this.#input = input;
    this.#output = output;
    this.#lines = new BoundedLines(MESSAGE_BYTES, {
      onLine: (line) => this.#onLine(line),
      onDropped: ({ bytes, scan }) =>
        this.#refuse(
          refusal(
            scan,
            "request",
            `A message must have at most ${MESSAGE_BYTES} bytes; received ${bytes}. ${LARGE_FILES}`,
          ),
        ),
    });
  }

  /** Starts reading. */
  start(): Promise<void> {
    this.#input.on("data", this.#onData);
    this.#input.on("end", this.#onEnd);
    this.#input.on("close", this.#onEnd);
    this.#input.on("error", this.#onEnd);
    // This listener stays: a late write must not end the process.
    this.#output.on("error", () => void this.close());
    return Promise.resolve();
  }

  /**
   * Sends a message.
   *
   * @param message A request, notification or response.
   * @returns Resolves when the output has taken it.
   */
  async send(message: JSONRPCMessage): Promise<void> {
    if (this.#closed) throw new Error("The client has disconnected");
    if ("id" in message && !("method" in message)) this.#running.delete(message.id);
    await this.#write(JSON.stringify(message));
    this.#closeIfAnswered();
  }

  /** Stops reading, and closes when every request that was read has its response. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const event of ["data", "end", "close", "error"] as const) {
      this.#input.off(event, event === "data" ? this.#onData : this.#onEnd);
    }
    this.#input.pause();
    this.#closeIfAnswered();
  }

  /** Stops reading and sending. */
  close(): Promise<void> {
    this.end();
    if (!this.#closed) {
      this.#closed = true;
      this.onclose?.();
    }
    return Promise.resolve();
  }

  readonly #onData = (chunk: Uint8Array): void => this.#lines.push(chunk);
  readonly #onEnd = (): void => this.end();

  #closeIfAnswered(): void {
    if (this.#ended && this.#running.values().every((method) => method === SUBSCRIPTION)) void this.close();
  }

  #onLine(line: Uint8Array): void {
    if (this.#ended) return;
    const read = readMessage(line);
    if (read === undefined) return;
    if (isRefusal(read)) this.#refuse(read);
    else if (this.#admits(read)) this.onmessage?.(read);
  }

  /** Refuses a request with the id of a running one: their responses and cancellations could not be distinguished. */
  #admits(message: JSONRPCMessage): boolean {
    if (!("method" in message)) return true;
    if (!("id" in message)) {
      // A cancelled request gets no response.
      if (message.method === "notifications/cancelled") this.#running.delete(message.params?.requestId);
      return true;
    }
    if (this.#running.has(message.id)) {
      this.#refuse({
        code: RPC_CODES.request,
        message:
          "Duplicate id: a request with this id is still running. This one was not run; send it under another id.",
        ids: [JSON.stringify(message.id)],
      });
      return false;
    }
    this.#running.set(message.id, message.method);
    for (const id of this.#running.keys()) {
      if (this.#running.size <= MAX_RUNNING) break;
      this.#running.delete(id);
    }
    return true;
  }

  /** Ids go back as they were sent: a number may be too large for JavaScript. */
  #refuse({ code, message, ids }: Refusal): void {
    log.warning("Protocol: {message}", { message, answers: ids.length });
    if (this.#closed || ids.length === 0) return;
    const error = JSON.stringify({ code, message });
    const answers = ids.map((id) => `{"jsonrpc":"2.0","id":${id},"error":${error}}`);
    this.#write(answers.join("\n")).catch(
      () => {/* The client has disconnected; the listeners above handle that. */},
    );
  }

  /** A client that sends requests and reads no responses must not fill the memory. */
  #pauseIfUnread(): void {
    if (this.#output.writableLength <= UNREAD_BYTES || this.#input.isPaused() || this.#ended) return;
    log.warning("The client does not read its responses: {bytes} bytes wait", {
      bytes: this.#output.writableLength,
    });
    this.#input.pause();
    this.#output.once("drain", () => {
      if (!this.#ended) this.#input.resume();
    });
  }

  #write(line: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Waiting for the write itself, not for room in the buffer: the responses of a slow client must not pile up.
    this.#output.write(`${line}\n`, (error) => error ? reject(error) : resolve());
    this.#pauseIfUnread();
    return promise;
  }
}
