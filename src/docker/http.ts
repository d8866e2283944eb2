import * as z from "zod";
import { withDeadline } from "../lib/async/with_deadline.ts";
import { engineError, invalidResponse, sanitizeMessage, transportError } from "./engine_errors.ts";
import type { Endpoint } from "./endpoint.ts";
import type { CallOptions } from "./types.ts";
import { DEADLINES_MS, ENGINE_HINT } from "./types.ts";

/** One request to the engine. */
export interface EngineRequest {
  /** What it does, such as "start container x", for messages. */
  readonly action: string;
  readonly method: "GET" | "POST" | "DELETE";
  /** After the version prefix; consists of checked parts only. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as a tar archive. */
  readonly tar?: ReadableStream<Uint8Array>;
  readonly call?: CallOptions | undefined;
  /** Milliseconds. @default DEADLINES_MS.unary */
  readonly defaultDeadlineMs?: number;
  /** Statuses besides 2xx that are not errors. */
  readonly alsoAccept?: readonly number[];
}

/** The largest JSON response read, in bytes. */
const MAX_RESPONSE = 16 * 1024 * 1024;
/** The largest error response read, in bytes. */
const MAX_ERROR_RESPONSE = 64 * 1024;

const ErrorResponse = z.object({ message: z.string() });

/**
 * HTTP to the engine: deadlines, typed errors, checked responses. It pools connections; {@link EngineHttp.close} closes them.
 */
export class EngineHttp {
  readonly endpoint: Endpoint;
  #prefix = "";

  /** @param endpoint The engine. */
  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  /** The path prefix of all later requests, such as `/v1.41`. */
  get prefix(): string {
    return this.#prefix;
  }

  /** @param version The negotiated API version, such as `1.41`. */
  useVersion(version: string): void {
    this.#prefix = `/v${version}`;
  }

  /**
   * Sends a request and reads the response within the deadline. The response's body is always consumed or cancelled.
   *
   * @param request The request.
   * @param read Reads a successful response.
   * @returns What `read` returns.
   * @throws {OmcpError} `engine_*`, `image_missing`, `timeout` or `cancelled`.
   */
  send<T>(request: EngineRequest, read: (response: Response) => Promise<T>): Promise<T> {
    const changes = request.method !== "GET";
    const options = {
      action: request.action,
      deadlineMs: request.call?.deadlineMs ?? request.defaultDeadlineMs ?? DEADLINES_MS.unary,
      signal: request.call?.signal,
      state: changes ? "It is unknown whether the engine did it." : "Nothing was changed.",
      next: ENGINE_HINT,
    };
    return withDeadline(options, async (signal) => {
      let response: Response | undefined;
      try {
        response = await fetch(this.#url(request), {
          ...bodyOf(request),
          method: request.method,
          signal,
          client: this.endpoint.client,
        });
        const accepted = response.ok || request.alsoAccept?.includes(response.status) === true;
        if (!accepted) throw engineError(request.action, response.status, await errorMessage(response));
        return await read(response);
      } catch (error) {
        throw transportError(request.action, error, changes, this.endpoint.name);
      } finally {
        if (response?.body && !response.bodyUsed) await response.body.cancel();
        // An upload that never began still has its source open.
        if (request.tar && !request.tar.locked) await request.tar.cancel();
      }
    });
  }

  /**
   * Sends a request whose response is JSON.
   *
   * @param request The request.
   * @param schema What the response must be.
   * @returns The checked response.
   * @throws {OmcpError} As {@link EngineHttp.send}; `engine_failed` for any other response.
   */
  json<S extends z.ZodType>(request: EngineRequest, schema: S): Promise<z.output<S>> {
    return this.send(request, async (response) => {
      const text = await readBounded(response, MAX_RESPONSE);
      if (text === undefined) throw invalidResponse(request.action, `more than ${MAX_RESPONSE} bytes`);
      return parseJson(request.action, text, schema);
    });
  }

  /**
   * Sends a request whose response's body does not matter.
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
    this.endpoint.client.close();
  }

  #url(request: EngineRequest): string {
    const query = new URLSearchParams(request.query).toString();
    return `${this.endpoint.base}${this.#prefix}${request.path}${query === "" ? "" : `?${query}`}`;
  }
}

/**
 * Parses JSON from the engine and checks it.
 *
 * @param action What was attempted, for the message.
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
    const parsed = ErrorResponse.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data.message;
  } catch {
    // Not JSON: a proxy or another HTTP server responded. The text is shown instead.
  }
  return sanitizeMessage(text);
}

function bodyOf(request: EngineRequest): RequestInit {
  if (request.tar) return { body: request.tar, headers: { "content-type": "application/x-tar" } };
  if (request.json === undefined) return {};
  return { body: JSON.stringify(request.json), headers: { "content-type": "application/json" } };
}

async function errorMessage(response: Response): Promise<string> {
  const text = await readBounded(response, MAX_ERROR_RESPONSE);
  return text === undefined ? `more than ${MAX_ERROR_RESPONSE} bytes of message` : messageOf(text);
}

/** Reads a body as text; undefined if it is larger than `maximum` bytes. */
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
