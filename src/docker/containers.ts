import { setTimeout as delay } from "node:timers/promises";
import { OmcpError } from "../errors.ts";
import { filters } from "./filters.ts";
import type { EngineHttp } from "./http.ts";
import { checkImage, checkName } from "./names.ts";
import { ContainerListResponse, ContainerResponse, CreateResponse, WaitResponse } from "./schemas.ts";
import { DEADLINES_MS } from "./types.ts";
import type {
  CallOptions,
  ContainerInspect,
  ContainerSummary,
  CreateContainerRequest,
  RemoveOptions,
} from "./types.ts";

/** How to create a container. */
export interface CreateOptions extends CallOptions {
  /** Unique in the engine. After `timeout` or `cancelled`, the caller removes by it what may have been created. */
  readonly name: string;
  /** Receives each warning of the engine, such as about a limit that it cannot enforce. */
  readonly onWarning?: (text: string) => void;
}

/** Which containers to list. */
export interface ListOptions extends CallOptions {
  /** All must match; an empty value matches any value of that label. @default any labels */
  readonly labels?: Readonly<Record<string, string>>;
  /** The volume that they mount. @default any */
  readonly volume?: string;
  /** Also those that do not run. @default false */
  readonly all?: boolean;
}

/** What to wait for. */
export interface WaitOptions extends CallOptions {
  /** `next-exit` ignores an exit in the past, `removed` waits for the container's removal. @default "not-running" */
  readonly condition?: "not-running" | "next-exit" | "removed";
}

/** Milliseconds between two attempts at a removal that another call has begun. */
const REMOVAL_POLL_MS = 50;

/** The engine's containers. */
export class Containers {
  readonly #http: EngineHttp;

  /** @param http The connection to the engine. */
  constructor(http: EngineHttp) {
    this.#http = http;
  }

  /**
   * Creates a container without starting it.
   *
   * @param spec Its description.
   * @param options Its name.
   * @returns Its id.
   * @throws {OmcpError} `engine_conflict` if the name is taken, `image_missing`. After `timeout` or `cancelled` it may exist: remove it by name.
   */
  async create(spec: CreateContainerRequest, options: CreateOptions): Promise<string> {
    checkImage(spec.Image);
    const response = await this.#http.json({
      action: `create container "${checkName("container", options.name)}"`,
      method: "POST",
      path: "/containers/create",
      query: { name: options.name },
      json: spec,
      call: options,
    }, CreateResponse);
    for (const warning of response.warnings) options.onWarning?.(warning);
    return response.id;
  }

  /** Starts a container. Succeeds if it already runs (status 304, or 204 for concurrent calls). */
  async start(id: string, call?: CallOptions): Promise<void> {
    await this.#http.status({
      ...containerRequest(id, "POST", ["start", "/start"]),
      call,
      alsoAccept: [304],
    });
  }

  /** Gives a container another name; its id stays. Throws `engine_conflict` if the name is taken. */
  async rename(id: string, name: string, call?: CallOptions): Promise<void> {
    await this.#http.status({
      ...containerRequest(id, "POST", ["rename", "/rename"]),
      query: { name: checkName("container", name) },
      call,
    });
  }

  /** Kills a container. */
  async kill(id: string, call?: CallOptions): Promise<void> {
    try {
      await this.#http.status({
        ...containerRequest(id, "POST", ["kill", "/kill"]),
        query: { signal: "SIGKILL" },
        call,
        defaultDeadlineMs: DEADLINES_MS.destroy,
        alsoAccept: [404],
      });
    } catch (error) {
      const notRunning = error instanceof OmcpError && error.code === "engine_conflict" &&
        /is not running/i.test(error.message);
      if (!notRunning) throw error;
    }
  }

  /** Removes a container; resolves when it no longer exists, also if another call removes it. */
  async remove(id: string, { unlessRunning = false, ...call }: RemoveOptions = {}): Promise<void> {
    const started = performance.now();
    const budget = call.deadlineMs ?? DEADLINES_MS.destroy;
    function left(): CallOptions {
      // At least 1 ms, so that the next call throws `timeout` rather than `invalid_argument`.
      const deadlineMs = Math.max(1, Math.round(budget - (performance.now() - started)));
      return call.signal ? { deadlineMs, signal: call.signal } : { deadlineMs };
    }
    for (;;) {
      try {
        await this.#http.status({
          ...containerRequest(id, "DELETE", ["remove", ""]),
          query: { force: unlessRunning ? "0" : "1", v: "1" },
          call: left(),
          alsoAccept: [404],
        });
        return;
      } catch (error) {
        const inProgress = error instanceof OmcpError && error.code === "engine_conflict" &&
          /already in progress/i.test(error.message);
        if (!inProgress || unlessRunning) throw error;
      }
      await delay(REMOVAL_POLL_MS);
    }
  }

  /** Inspects a container. */
  inspect(id: string, call?: CallOptions): Promise<ContainerInspect> {
    return this.#http.json({ ...containerRequest(id, "GET", ["inspect", "/json"]), call }, ContainerResponse);
  }

  /** Lists containers. */
  list(options: ListOptions): Promise<ContainerSummary[]> {
    const query = { all: options.all ? "1" : "0", filters: filters(options) };
    return this.#http.json(
      { action: "list containers", method: "GET", path: "/containers/json", query, call: options },
      ContainerListResponse,
    );
  }

  /** Waits for a container. */
  async wait(id: string, options: WaitOptions = {}): Promise<{ exitCode: number }> {
    const response = await this.#http.json({
      ...containerRequest(id, "POST", ["wait for", "/wait"]),
      query: { condition: options.condition ?? "not-running" },
      call: options,
      defaultDeadlineMs: DEADLINES_MS.wait,
    }, WaitResponse);
    if (response.error !== "") {
      throw new OmcpError("engine_failed", `Cannot wait for container "${id}": ${response.error}`);
    }
    return { exitCode: response.exitCode };
  }
}

interface ContainerRequest {
  readonly action: string;
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
}

/** A request about one container; checks its id. */
function containerRequest(
  id: string,
  method: ContainerRequest["method"],
  operation: readonly [verb: string, subpath: string],
): ContainerRequest {
  const [verb, subpath] = operation;
  const path = `/containers/${checkName("container", id)}${subpath}`;
  return { action: `${verb} container "${id}"`, method, path };
}
