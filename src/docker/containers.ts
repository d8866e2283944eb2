import { setTimeout as delay } from "node:timers/promises";
import { OmcpError } from "../errors.ts";
import type { EngineHttp } from "./http.ts";
import { labelFilter } from "./images.ts";
import { checkImage, checkName } from "./names.ts";
import { ContainerAnswer, ContainerListAnswer, CreateAnswer, WaitAnswer } from "./schemas.ts";
import { DEADLINES_MS } from "./types.ts";
import type { CallOptions, ContainerInspect, ContainerSpec, ContainerSummary } from "./types.ts";

/** How a container is made. */
export interface CreateOptions extends CallOptions {
  /** Unique in the engine, so that a creation which was given up can be removed by it. */
  readonly name: string;
  /** Told of each warning of the engine, such as a limit that it cannot enforce. */
  readonly onWarning?: (text: string) => void;
}

/** Which containers to list. */
export interface ListOptions extends CallOptions {
  /** All must match; an empty value asks for the label's name alone. */
  readonly labels: Readonly<Record<string, string>>;
  /** Those that do not run too. @default false */
  readonly all?: boolean;
}

/** What to wait for. */
export interface WaitOptions extends CallOptions {
  /** Which end: `next-exit` passes over one in the past, `removed` is when the container is gone. @default "not-running" */
  readonly condition?: "not-running" | "next-exit" | "removed";
}

/** How often a removal that another call has begun is looked at, in milliseconds. */
const REMOVAL_POLL_MS = 50;

/** The engine's containers. */
export class Containers {
  readonly #http: EngineHttp;

  /** @param http The connection to the engine. */
  constructor(http: EngineHttp) {
    this.#http = http;
  }

  /**
   * Makes a container. It is not started.
   *
   * @param spec What it is to be.
   * @param options Its name.
   * @returns Its id.
   * @throws {OmcpError} `engine_conflict` if the name is taken, `image_missing`. After `timeout` or `cancelled` it may exist: remove it by name.
   */
  async create(spec: ContainerSpec, options: CreateOptions): Promise<string> {
    checkImage(spec.Image);
    const answer = await this.#http.json({
      action: `create container "${checkName("container", options.name)}"`,
      method: "POST",
      path: "/containers/create",
      query: { name: options.name },
      json: spec,
      call: options,
    }, CreateAnswer);
    for (const warning of answer.Warnings) options.onWarning?.(warning);
    return answer.Id;
  }

  /** Starts a container. Returns false where it runs already, which 304 says. */
  async start(id: string, call?: CallOptions): Promise<boolean> {
    const status = await this.#http.status({
      ...about(id, "POST", ["start", "/start"]),
      call,
      alsoAccept: [304],
    });
    return status !== 304;
  }

  /** Kills a container. */
  async kill(id: string, call?: CallOptions): Promise<void> {
    try {
      await this.#http.status({
        ...about(id, "POST", ["kill", "/kill"]),
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

  /** Removes a container and returns when it is gone, also when another call removes it. */
  async remove(id: string, call?: CallOptions): Promise<void> {
    const started = performance.now();
    const budget = call?.deadlineMs ?? DEADLINES_MS.destroy;
    function left(): CallOptions {
      // At least 1 ms, so that the next call ends with `timeout` rather than as a wrong argument.
      const deadlineMs = Math.max(1, budget - (performance.now() - started));
      return call?.signal ? { deadlineMs, signal: call.signal } : { deadlineMs };
    }
    for (;;) {
      try {
        await this.#http.status({
          ...about(id, "DELETE", ["remove", ""]),
          query: { force: "1", v: "1" },
          call: left(),
          alsoAccept: [404],
        });
        return;
      } catch (error) {
        const underWay = error instanceof OmcpError && error.code === "engine_conflict" &&
          /already in progress/i.test(error.message);
        if (!underWay) throw error;
      }
      await delay(REMOVAL_POLL_MS);
    }
  }

  /** Looks at a container. */
  inspect(id: string, call?: CallOptions): Promise<ContainerInspect> {
    return this.#http.json({ ...about(id, "GET", ["inspect", "/json"]), call }, ContainerAnswer);
  }

  /** Lists containers by label. */
  list(options: ListOptions): Promise<ContainerSummary[]> {
    const query = { all: options.all ? "1" : "0", filters: labelFilter(options.labels) };
    return this.#http.json(
      { action: "list containers", method: "GET", path: "/containers/json", query, call: options },
      ContainerListAnswer,
    );
  }

  /** Waits for a container. */
  async wait(id: string, options: WaitOptions = {}): Promise<{ exitCode: number }> {
    const answer = await this.#http.json({
      ...about(id, "POST", ["wait for", "/wait"]),
      query: { condition: options.condition ?? "not-running" },
      call: options,
      defaultDeadlineMs: DEADLINES_MS.wait,
    }, WaitAnswer);
    if (answer.Error?.Message) {
      throw new OmcpError("engine_failed", `Cannot wait for container "${id}": ${answer.Error.Message}`);
    }
    return { exitCode: answer.StatusCode };
  }
}

interface ContainerRequest {
  readonly action: string;
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
}

/** A request about one container, whose id is checked here. */
function about(
  id: string,
  method: ContainerRequest["method"],
  operation: readonly [verb: string, tail: string],
): ContainerRequest {
  const [verb, tail] = operation;
  const path = `/containers/${checkName("container", id)}${tail}`;
  return { action: `${verb} container "${id}"`, method, path };
}
