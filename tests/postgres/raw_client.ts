import { concatBytes } from "../../src/lib/bytes.ts";
import { ByteReader, TruncatedStreamError } from "../../src/postgres/wire/byte_reader.ts";
import {
  cstring,
  FRONTEND,
  HEADER_BYTES,
  int32,
  message,
  readUint32,
} from "../../src/postgres/wire/message.ts";
import { parseServerError, type ServerError } from "../../src/postgres/wire/server_error.ts";

/** A message as the server sent it. */
export interface Received {
  /** Its type as a letter. */
  readonly type: string;
  readonly body: Uint8Array;
}

/** A client that sends what it is told, right or wrong. */
export class RawClient implements AsyncDisposable {
  readonly reader: ByteReader;
  readonly #conn: Deno.TcpConn;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    this.reader = new ByteReader(conn.readable);
    this.#writer = conn.writable.getWriter();
    this.#writer.closed.catch(function ignore() {});
  }

  /** Connects, and no more. @param port On loopback. */
  static async connect(port: number): Promise<RawClient> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay(true);
    return new RawClient(conn);
  }

  /** Connects and starts a session. @param port On loopback. @returns The client, and its cancel key. */
  static async start(port: number): Promise<{ client: RawClient; key: Uint8Array; greeting: Received[] }> {
    const client = await RawClient.connect(port);
    await client.send(startup({ user: "anyone" }));
    const greeting = await client.until("Z");
    return {
      client,
      key: greeting.find((received) => received.type === "K")?.body ?? new Uint8Array(0),
      greeting,
    };
  }

  /** Starts a session as {@link start} does. @param serve Takes the server's end of the connection. */
  static async through(
    serve: (stream: Deno.TcpConn) => void,
  ): Promise<{ client: RawClient; key: Uint8Array; greeting: Received[] }> {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepted = listener.accept();
    const started = RawClient.start(listener.addr.port);
    const stream = await accepted;
    stream.setNoDelay(true);
    serve(stream);
    listener.close();
    return await started;
  }

  /** Sends bytes. @param parts In this order, at once. */
  async send(...parts: Uint8Array[]): Promise<void> {
    await this.#writer.write(concatBytes(parts));
  }

  /** Receives one message. @returns Undefined at the end. */
  async receive(): Promise<Received | undefined> {
    try {
      const header = await this.reader.readExactly(HEADER_BYTES);
      const body = header === undefined
        ? undefined
        : await this.reader.readExactly(readUint32(header, 1) - 4);
      return body === undefined ? undefined : { type: String.fromCharCode(header?.[0] ?? 0), body };
    } catch (error) {
      // A message that was cut off is no message.
      if (error instanceof TruncatedStreamError) return undefined;
      throw error;
    }
  }

  /** Receives up to a message of a type, or to the end. @param type Its letter. */
  async until(type: string): Promise<Received[]> {
    const all: Received[] = [];
    while (true) {
      const next = await this.receive();
      if (next === undefined) return all;
      all.push(next);
      if (next.type === type) return all;
    }
  }

  /** Runs a simple query. @param sql Its text. @returns All up to ReadyForQuery. */
  async query(sql: string): Promise<Received[]> {
    await this.send(query(sql));
    return await this.until("Z");
  }

  /** Drops the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.reader.cancel();
    await this.#writer.abort().catch(function ignore() {});
    try {
      this.#conn.close();
    } catch {
      // The streams have closed it.
    }
  }
}

/** The letters of messages. @param all Messages. @returns Their types in order. */
export function types(all: readonly Received[]): string {
  return all.map((received) => received.type).join("");
}

/** The first error. @param all Messages. @returns What it says. */
export function errorOf(all: readonly Received[]): ServerError | undefined {
  const found = all.find((received) => received.type === "E");
  return found === undefined ? undefined : parseServerError(found.body);
}

/** The first column of each row as text. @param all Messages. */
export function firstColumn(all: readonly Received[]): string[] {
  return all.filter((received) => received.type === "D").map(({ body }) =>
    new TextDecoder().decode(body.subarray(6, 6 + readUint32(body, 2)))
  );
}

/** A start-up packet. @param parameters By name. @param version Of the protocol. */
export function startup(parameters: Record<string, string>, version = 3 << 16): Uint8Array {
  const fields = Object.entries(parameters).flatMap(([name, value]) => [cstring(name), cstring(value)]);
  const body = concatBytes([int32(version), ...fields, new Uint8Array(1)]);
  return concatBytes([int32(body.length + 4), body]);
}

/** A Query message. */
export function query(sql: string): Uint8Array {
  return message(FRONTEND.query, cstring(sql));
}

/** A Parse message without parameter types. */
export function parse(name: string, sql: string): Uint8Array {
  return message(FRONTEND.parse, cstring(name), cstring(sql), new Uint8Array(2));
}

/** A Bind message without parameters. */
export function bind(portal: string, statement: string): Uint8Array {
  return message(FRONTEND.bind, cstring(portal), cstring(statement), new Uint8Array(6));
}

/** An Execute message. @param rows At most so many, 0 for all. */
export function execute(portal: string, rows = 0): Uint8Array {
  return message(FRONTEND.execute, cstring(portal), int32(rows));
}

/** A Describe (or Close) message of a statement or portal. */
export function describe(what: "S" | "P", name: string, type: number = FRONTEND.describe): Uint8Array {
  return message(type, cstring(what + name));
}

/** A Sync message. */
export const SYNC: Uint8Array = message(FRONTEND.sync);
