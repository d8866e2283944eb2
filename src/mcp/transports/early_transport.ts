/**
 * Answers `initialize` before the rest of the program is loaded, which takes most of a start: clients wait for this answer when they
 * start. The server gets the same request later, as the protocol's library wants it, and its answer is dropped.
 */
import {
  type JSONRPCMessage,
  type McpServer,
  PROTOCOL_VERSION_META_KEY,
  type Transport,
} from "@modelcontextprotocol/server";
import * as z from "zod";
import type { LineTransport } from "./line_transport.ts";

/** `initialize` of a protocol without envelopes: since 2026-07-28 there is no such request. */
const initializeSchema = z.object({
  id: z.union([z.string(), z.number()]),
  method: z.literal("initialize"),
  params: z.object({ _meta: z.object({ [PROTOCOL_VERSION_META_KEY]: z.undefined() }).optional() }),
});

/** A transport between a client's and the server's, which starts later. */
export class EarlyTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport["onmessage"];
  /** Resolves when the server is needed: the first message has been answered, or is for the server. */
  readonly needed: Promise<void>;
  /** Resolves when nothing is read or sent any more. */
  readonly closed: Promise<void>;
  readonly #wire: LineTransport;
  readonly #needed = Promise.withResolvers<void>();
  #held: JSONRPCMessage[] | undefined = [];
  /** The id of the request whose second answer is dropped. */
  #answered: string | number | undefined;

  /**
   * Starts reading.
   *
   * @param wire The client's transport.
   * @param describe Creates a server that answers `initialize` only, as the later server would.
   */
  constructor(wire: LineTransport, describe: () => McpServer) {
    this.#wire = wire;
    this.needed = this.#needed.promise;
    const closed = Promise.withResolvers<void>();
    this.closed = closed.promise;
    wire.onclose = () => {
      closed.resolve();
      this.onclose?.();
    };
    wire.onerror = (error) => this.onerror?.(error);
    wire.onmessage = (message) => this.#onMessage(message, describe);
    void wire.start();
  }

  /** Passes on what has arrived so far, and from now on what arrives. */
  start(): Promise<void> {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const message of held) this.onmessage?.(message);
    return Promise.resolve();
  }

  /**
   * Sends a message.
   *
   * @param message A request, notification or response.
   */
  async send(message: JSONRPCMessage): Promise<void> {
    if (this.#answered !== undefined && !("method" in message) && message.id === this.#answered) {
      this.#answered = undefined;
      return;
    }
    await this.#wire.send(message);
  }

  /** Stops reading, and closes when what was read is answered. */
  end(): void {
    this.#wire.end();
  }

  /** Stops reading and sending. */
  async close(): Promise<void> {
    await this.#wire.close();
  }

  #onMessage(message: JSONRPCMessage, describe: () => McpServer): void {
    if (this.#held === undefined) {
      this.onmessage?.(message);
      return;
    }
    const isFirst = this.#held.push(message) === 1;
    if (!isFirst) return;
    const { data } = initializeSchema.safeParse(message);
    if (data === undefined) this.#needed.resolve();
    else this.#answer(message, data.id, describe());
  }

  #answer(request: JSONRPCMessage, id: string | number, server: McpServer): void {
    this.#answered = id;
    const channel: Transport = {
      start: () => Promise.resolve(),
      send: async (message) => {
        await this.#wire.send(message);
        this.#needed.resolve();
      },
      close: () => Promise.resolve(),
    };
    server.connect(channel).then(
      () => channel.onmessage?.(request),
      (error: unknown) => {
        this.#answered = undefined;
        this.#needed.reject(error);
      },
    );
  }
}
