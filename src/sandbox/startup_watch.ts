/** Follows what a sandbox's agent reports about its kernel's confinement and its services, which decides whether it can be handed out. */
import * as z from "zod";
import { DEFAULT_CONTEXT, executionStateSchema, serviceStateSchema } from "../agent_protocol/messages/mod.ts";
import { OmcpError } from "../errors.ts";
import { abortError } from "../lib/async/abort_error.ts";
import { abortable } from "../lib/async/abortable.ts";

const eventSchema = z.discriminatedUnion("type", [executionStateSchema, serviceStateSchema]);
type Confinement = z.output<typeof executionStateSchema>["confinement"];

const REMOVED = "The sandbox has been removed.";

/** Follows a sandbox's `execution_state` and `service_state` events. */
export class StartupWatch {
  readonly #confinement = Promise.withResolvers<Confinement>();
  readonly #started = Promise.withResolvers<void>();
  #problem: OmcpError | undefined;

  constructor() {
    // Without a handler, a rejection that comes before anybody waits would end the process.
    this.#confinement.promise.catch(() => {});
  }

  /** Resolves when the first kernel of the context `default` is ready, or when it cannot start. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** The first report after which the sandbox cannot be handed out; undefined if there is none. */
  get problem(): OmcpError | undefined {
    return this.#problem;
  }

  /** @param event An event that belongs to no request. */
  add(event: unknown): void {
    const parsed = eventSchema.safeParse(event);
    if (!parsed.success) {
      this.#fail(brokenContract());
      return;
    }
    if (parsed.data.type === "service_state") {
      this.#fail(serviceFailed(parsed.data.error.message));
      return;
    }
    const { context, confinement, error, state } = parsed.data;
    // Whether the kernels of other contexts start matters to their cells only.
    if (context !== DEFAULT_CONTEXT) return;
    if (state !== "starting") this.#started.resolve();
    if (error !== null) this.#fail(kernelUnavailable(error.message));
    else if (confinement !== null) this.#confinement.resolve(confinement);
  }

  #fail(problem: OmcpError): void {
    this.#problem ??= problem;
    this.#confinement.reject(problem);
  }

  /**
   * Waits until the kernel's confinement is known.
   *
   * @param signal Gives up.
   * @param ended Resolves, with the reason, when the agent can report nothing more.
   * @returns The deviations of the confinement; empty if there are none.
   * @throws {OmcpError} `kernel_unavailable` if the image has no kernel; `sandbox_start_failed` if a service could not be offered or
   * the container ended; `channel_failed` if the agent breaks the contract; `timeout` or `cancelled` by the signal.
   */
  async confinementProblems(
    signal: AbortSignal,
    ended: Promise<{ readonly reason: string }>,
  ): Promise<string[]> {
    const reported = Promise.race([this.#confinement.promise, ended.then(endedEarly)]);
    const confinement = await abortable(reported, signal).catch((error) => {
      throw signal.aborted ? abortError(signal.reason, "The kernel has not reported its confinement") : error;
    });
    const problems: string[] = [];
    if (confinement?.noNewPrivs !== true) problems.push("the kernel may gain privileges");
    if (confinement?.seccomp !== 2) problems.push("the kernel has no seccomp filter");
    return problems;
  }
}

function kernelUnavailable(message: string): OmcpError {
  return new OmcpError("kernel_unavailable", message, {
    state: REMOVED,
    next: "Use an image with python3 ≥ 3.9 and ipython (setting OMCP_IMAGE).",
  });
}

function serviceFailed(message: string): OmcpError {
  return new OmcpError("sandbox_start_failed", `The sandbox has no database connection: ${message}`, {
    state: REMOVED,
    next: "Try again; if it fails again, see the server log.",
  });
}

function brokenContract(): OmcpError {
  return new OmcpError("channel_failed", "The new sandbox's agent sent an invalid event", {
    state: REMOVED,
    next: "Create a new sandbox.",
  });
}

function endedEarly({ reason }: { readonly reason: string }): never {
  throw new OmcpError("sandbox_start_failed", `The sandbox ended before its kernel was ready: ${reason}`, {
    state: "No code was run.",
    next: "Try again; if it fails again, see the server log.",
  });
}
