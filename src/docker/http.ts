import * as z from "zod";
import { withDeadline } from "../lib/async/with_deadline.ts";
import { engineError, invalidResponse, sanitizeMessage, transportError } from "./engine_errors.ts";
import type { CallOptions } from "./types.ts";
import { DEADLINES_MS, ENGINE_HINT } from "./types.ts";

/** One request to the engine. */
export interface EngineRequest {
  /** What it does, as in "start container x", for messages. */
  readonly action: string;
  readonly method: "GET" | "POST" | "DELETE";
  /** Below the version prefix, of checked parts only. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as a tar archive. */
  readonly tar?: ReadableStream<Uint8Array>;
  readonly call?: CallOptions | undefined;
  /** Milliseconds. @default DEADLINES_MS.unary */
  readonly defaultDeadlineMs?: number;
  /** Statuses besides 2xx that are no error. */
  readonly alsoAccept?: readonly number[];
}

/** The largest JSON answer read, in bytes. */
const MAX_ANSWER = 16 * 1024 * 1024;
/** The largest error answer read, in bytes. */
const MAX_ERROR_ANSWER = 64 * 1024;

const ErrorAnswer = z.object({ message: z.string() });

/**
 * HTTP to the engine over its Unix socket: deadlines, typed errors, checked answers.
 * It holds a pool of connections; {@link EngineHttp.close} frees them.
 */
export class EngineHttp {
  readonly socketPath: string;
  readonly #client: Deno.HttpClient;
  #prefix = "";

  /** @param socketPath The engine's socket, an absolute path. */
  constructor(socketPath: string) {
    this.socketPath = socketPath;
    try {
      this.#client = Deno.createHttpClient({ proxy: { transport: "unix", path: socketPath } });
    } catch (error) {
      throw transportError("reach the container engine", error, false);
    }
  }

  /** The path prefix of all later requests, such as `/v1.41`. */
  get prefix(): string {
    return this.#prefix;
  }

  /** @param version The API version agreed on, such as `1.41`. */
  useVersion(version: string): void {
    this.#prefix = `/v${version}`;
  }

  /**
   * Sends a request and reads the answer within the deadline. The answer's body is always consumed or cancelled.
   *
   * @param request The request.
   * @param read Reads a successful answer.
   * @returns What `read` returns.
   * @throws {OmcpError} `engine_*`, `image_missing`, `timeout` or `cancelled`.
   */
  send<T>(request: EngineRequest, read: (response: Response) => Promise<T>): Promise<T> {
    const changes = request.method !== "GET";
    const options = {
      action: request.action,
      deadlineMs: request.call?.deadlineMs ?? request.defaultDeadlineMs ?? DEADLINES_MS.unary,
      signal: request.call?.signal,
      state: changes ? "It is not known whether the engine carried it out." : "Nothing was changed.",
      next: ENGINE_HINT,
    };
    return withDeadline(options, async (signal) => {
      let response: Response | undefined;
      try {
        response = await fetch(this.#url(request), {
          ...bodyOf(request),
          method: request.method,
          signal,
          client: this.#client,
        });
        const accepted = response.ok || request.alsoAccept?.includes(response.status) === true;
        if (!accepted) throw engineError(request.action, response.status, await errorMessage(response));
        return await read(response);
      } catch (error) {
        throw transportError(request.action, error, changes);
      } finally {
        if (response?.body && !response.bodyUsed) await response.body.cancel();
        // An upload that was never begun still holds its source.
        if (request.tar && !request.tar.locked) await request.tar.cancel();
      }
    });
  }

  /**
   * Sends a request whose answer is JSON.
   *
   * @param request The request.
   * @param schema What the answer must be.
   * @returns The checked answer.
   * @throws {OmcpError} As {@link EngineHttp.send}; `engine_failed` if the answer is something else.
   */
  json<S extends z.ZodType>(request: EngineRequest, schema: S): Promise<z.output<S>> {
    return this.send(request, async (response) => {
      const text = await readBounded(response, MAX_ANSWER);
      if (text === undefined) throw invalidResponse(request.action, `more than ${MAX_ANSWER} bytes`);
      return parseJson(request.action, text, schema);
    });
  }

  /**
   * Sends a request whose answer's body does not matter.
   *
   * @param request The request.
   * @returns The HTTP status.
   * @throws {OmcpError} As {@link EngineHttp.send}.
   */
  status(request: EngineRequest): Promise<number> {
    return this.send(request, (response) => Promise.resolve(response.status));
  }

  /** Closes the pool of connections. */
  close(): void {
    this.#client.close();
  }

  #url(request: EngineRequest): string {
    const query = new URLSearchParams(request.query).toString();
    return `http://docker.invalid${this.#prefix}${request.path}${query === "" ? "" : `?${query}`}`;
  }
}

/**
 * Parses JSON from the engine and checks it.
 *
 * @param action What was tried, for the message.
 * @param text The JSON.
 * @param schema What it must be.
 * @returns The checked value.
 * @throws {OmcpError} `engine_failed` if it is something else.
 */
export function parseJson<S extends z.ZodType>(action: string, text: string, schema: S): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalidResponse(action, "not JSON", error);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw invalidResponse(action, z.prettifyError(parsed.error), parsed.error);
  return parsed.data;
}

/**
 * The engine's message in the body of a failed request.
 *
 * @param text The body.
 * @returns The `message` of its JSON, else the text itself.
 */
export function messageOf(text: string): string {
  try {
    const parsed = ErrorAnswer.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data.message;
  } catch {
    // Not JSON: a proxy or something else that speaks HTTP. Its words are shown as they are.
  }
  return sanitizeMessage(text);
}

function bodyOf(request: EngineRequest): RequestInit {
  if (request.tar) return { body: request.tar, headers: { "content-type": "application/x-tar" } };
  if (request.json === undefined) return {};
  return { body: JSON.stringify(request.json), headers: { "content-type": "application/json" } };
}

async function errorMessage(response: Response): Promise<string> {
  const text = await readBounded(response, MAX_ERROR_ANSWER);
  return text === undefined ? `more than ${MAX_ERROR_ANSWER} bytes of message` : messageOf(text);
}

/** Reads a body as text; nothing if it is larger than `maximum` bytes, and then the rest is not read. */
async function readBounded(response: Response, maximum: number): Promise<string | undefined> {
  if (!response.body) return "";
  const decoder = new TextDecoder();
  let text = "";
  let total = 0;
  // Leaving the loop early cancels the body.
  for await (const chunk of response.body) {
    total += chunk.byteLength;
    if (total > maximum) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
