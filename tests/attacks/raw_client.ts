/** A client of our own on the real server: it can do what no well-behaved MCP client does. */
import { sandboxIdIn } from "../../src/cli/demo/client.ts";
import { type LaunchOptions, serverArguments } from "../../src/app/launch.ts";
import { newInstance, PROJECT } from "../fixtures/server.ts";

/** One JSON-RPC message from the server. */
export type Message = Readonly<Record<string, unknown>>;

/** What a tool call came to. */
export interface Answer {
  readonly isError: boolean;
  readonly text: string;
  readonly images: number;
  /** Milliseconds from the request to its answer. */
  readonly ms: number;
}

interface Waiting {
  readonly resolve: (message: Message) => void;
  readonly reject: (error: unknown) => void;
}

/** The server process with its bare standard streams. */
export class RawClient {
  readonly process: Deno.ChildProcess;
  /** The server's OMCP_INSTANCE: its containers bear it. */
  readonly instance: string;
  /** Every notification that came. */
  readonly notifications: Message[] = [];
  /** Lines on stdout that were no JSON: there must be none. */
  readonly strays: string[] = [];
  /** What the server wrote on stderr. */
  stderr = "";
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #reading: Promise<unknown>;
  readonly #deaf = new AbortController();
  #lastId = 1000;

  private constructor(environment: Record<string, string>, launch: Omit<LaunchOptions, "project">) {
    this.instance = environment.OMCP_INSTANCE ?? newInstance();
    this.process = new Deno.Command(Deno.execPath(), {
      args: serverArguments({ project: PROJECT, ...launch }),
      env: {
        OMCP_LOG_LEVEL: "error",
        OMCP_DATABASE_URL: "none",
        OMCP_INSTANCE: this.instance,
        ...environment,
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#writer = this.process.stdin.getWriter();
    this.#reading = Promise.allSettled([this.#readMessages(), this.#readErrors()]);
  }

  /**
   * Starts a server and greets it.
   *
   * @param environment Its settings, besides a quiet log and no database.
   * @param launch What its permissions depend on.
   */
  static async start(
    environment: Record<string, string> = {},
    launch: Omit<LaunchOptions, "project"> = {},
  ): Promise<RawClient> {
    const client = new RawClient(environment, launch);
    await client.request("initialize", {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "raw", version: "1" },
    });
    await client.write({ jsonrpc: "2.0", method: "notifications/initialized" });
    return client;
  }

  /** @param message Any JSON value, as one line. */
  async write(message: unknown): Promise<void> {
    await this.writeText(`${JSON.stringify(message)}\n`);
  }

  /** @param text Anything at all. */
  async writeText(text: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(text));
  }

  /** An id that no request of this client has had. */
  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** Makes a request and waits for its response, 120 s at most. */
  async request(method: string, params: unknown, id = this.nextId()): Promise<Message> {
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    this.#waiting.set(id, { resolve, reject });
    const timer = setTimeout(() => reject(new Error(`No response to ${method} ${id} in 120 s`)), 120_000);
    try {
      await this.write({ jsonrpc: "2.0", id, method, params });
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /** Calls a tool. */
  async call(name: string, input: Record<string, unknown>, id = this.nextId()): Promise<Answer> {
    const start = performance.now();
    const message = await this.request(
      "tools/call",
      { name, arguments: input, _meta: { progressToken: id } },
      id,
    );
    const ms = performance.now() - start;
    const result = record(message.result);
    if (result === undefined) {
      throw new Error(`The protocol refused ${name}: ${JSON.stringify(message.error)}`);
    }
    if (result.structuredContent !== undefined) throw new Error(`${name} returned structuredContent`);
    const content = Array.isArray(result.content) ? result.content.map((block) => record(block) ?? {}) : [];
    return {
      isError: result.isError === true,
      text: content.flatMap((block) => typeof block.text === "string" ? [block.text] : []).join("\n"),
      images: content.filter((block) => block.type === "image").length,
      ms,
    };
  }

  /** Makes a sandbox and returns its handle. */
  async create(): Promise<string> {
    const answer = await this.call("create_sandbox", {});
    return sandboxIdIn(answer.text);
  }

  /** Runs a cell. */
  async run(sandbox_id: string, code: string, timeout?: number): Promise<Answer> {
    return await this.call("execute_python_code", {
      sandbox_id,
      code,
      ...(timeout === undefined ? {} : { timeout }),
    });
  }

  /** Cancels a request. */
  async cancel(requestId: number): Promise<void> {
    await this.write({
      jsonrpc: "2.0",
      method: "notifications/cancelled",
      params: { requestId, reason: "the test says so" },
    });
  }

  /** Bytes of memory that the server has. */
  memory(): number {
    const status = Deno.readTextFileSync(`/proc/${this.process.pid}/status`);
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
  }

  /** How many descriptors the server has open. */
  descriptors(): number {
    return [...Deno.readDirSync(`/proc/${this.process.pid}/fd`)].length;
  }

  /** Ends the server's input. */
  async closeInput(): Promise<void> {
    await this.#writer.close().catch(() => {});
  }

  /** Reads no more: the server's output breaks. */
  async closeOutput(): Promise<void> {
    this.#deaf.abort();
    await this.process.status;
  }

  /** Ends the session as a client does, and waits for the server's end. */
  async close(): Promise<Deno.CommandStatus> {
    await this.closeInput();
    const status = await this.process.status;
    await this.#reading;
    return status;
  }

  /** Makes sure that the server has ended; it may have. */
  async end(): Promise<void> {
    await this.closeInput();
    const timer = setTimeout(() => this.process.kill("SIGKILL"), 8000);
    await this.process.status;
    clearTimeout(timer);
    await this.#reading;
  }

  async #readMessages(): Promise<void> {
    let rest = "";
    const decoded = this.process.stdout.pipeThrough(new TextDecoderStream(), { signal: this.#deaf.signal });
    for await (const text of decoded) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#take(line);
    }
    for (const { reject } of this.#waiting.values()) reject(new Error("The server ended"));
  }

  async #readErrors(): Promise<void> {
    for await (const text of this.process.stderr.pipeThrough(new TextDecoderStream())) this.stderr += text;
  }

  #take(line: string): void {
    let message: Message | undefined;
    try {
      message = record(JSON.parse(line));
    } catch {
      message = undefined;
    }
    if (message === undefined) {
      this.strays.push(line);
    } else if (typeof message.id === "number" && message.method === undefined) {
      this.#waiting.get(message.id)?.resolve(message);
    } else {
      this.notifications.push(message);
    }
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : undefined;
}
