/**
 * The part of a start that needs the engine: machine, images, instance, datasets. It runs at the same time as the protocol, so that a client gets
 * answers whatever the engine does. Calls that need the engine wait for it, and throw its error if it failed. After a failure the next one tries
 * again.
 */
import { abortable } from "../lib/async/abortable.ts";
import type { Engine } from "../docker/mod.ts";
import { OmcpError } from "../errors.ts";
import { imageReference } from "../images/identity.ts";
import { logger, logStep } from "../observability/log.ts";
import type { ContainerPlatform, ContainerSummary } from "../runtime/mod.ts";
import { DockerRuntime } from "../runtime/docker/mod.ts";
import { checkDatasets, type ResourceMaximum, type SandboxPolicy } from "../sandbox/mod.ts";
import type { Config, ReadVariable } from "./config.ts";
import { connectEngine } from "./connect_engine.ts";
import { chosenOciRuntime } from "./usable_engine.ts";
import { neededImages, OwnImages } from "./own_images.ts";
import { linkedFolderProblem } from "./datasets.ts";
import { acquireInstance, type HeldInstance } from "./instance.ts";
import { resourceMaximum } from "./resource_maximum.ts";
import { findImage, isPinned } from "./sandbox_images.ts";

const log = logger("serve");

/** What a start has found. */
export interface StartedEngine {
  readonly runtime: ContainerPlatform;
  /** What containers of the default image are created from. */
  readonly image: string;
  /** The most that a caller may ask for. */
  readonly maximum: ResourceMaximum;
}

interface Held extends StartedEngine {
  readonly engine: Engine;
  readonly instance: HeldInstance;
}

/** What an {@link EngineStart} needs. */
export interface EngineStartOptions {
  readonly config: Config;
  readonly policy: SandboxPolicy;
  /** Looks up an environment variable: where other engines may be, what a build of images uses of the host. */
  readonly read: ReadVariable;
  /** Gets the sandboxes that an earlier server of the instance left, before anybody else has the engine. */
  readonly onSandboxes?: (sandboxes: readonly ContainerSummary[]) => void;
}

/** The engine of one server. */
export class EngineStart {
  /** Rejects with `config_invalid` where the engine's machine shows that a setting cannot be used: the server must end. */
  readonly unusable: Promise<never>;
  /** Resolves, with the reason, when another server has the instance: the server must end. */
  readonly lost: Promise<string>;
  readonly #options: EngineStartOptions;
  readonly #unusable = Promise.withResolvers<never>();
  readonly #lost = Promise.withResolvers<string>();
  readonly #closing = new AbortController();
  readonly #images: OwnImages;
  #attempt: Promise<Held> | undefined;
  #found: Held | undefined;

  /** @param options See {@link EngineStartOptions}. Nothing is reached before {@link ready}. */
  constructor(options: EngineStartOptions) {
    this.#options = options;
    const { config, read } = options;
    this.#images = new OwnImages({
      location: config.engine,
      source: config.imageSource,
      needed: neededImages(config),
      read,
      signal: this.#closing.signal,
    });
    this.unusable = this.#unusable.promise;
    this.unusable.catch(() => {});
    this.lost = this.#lost.promise;
  }

  /** What has been found; undefined until the first start that succeeded. */
  get found(): StartedEngine | undefined {
    return this.#found;
  }

  /**
   * Starts, unless it has started. Calls at the same time share one start.
   *
   * @param signal Ends the wait, not the start.
   * @throws {OmcpError} `engine_unreachable`, `image_building`, `image_missing`, `instance_in_use`, `config_invalid`, `shutting_down`…
   */
  async ready(signal?: AbortSignal): Promise<StartedEngine> {
    this.#closing.signal.throwIfAborted();
    this.#attempt ??= this.#start();
    return await abortable(this.#attempt, signal);
  }

  /** Releases the instance and the engine's connections; waits for a start that is running. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort(
      new OmcpError("shutting_down", "The server is shutting down", { state: "Nothing was done." }),
    );
    await this.#images.ended();
    const held = await this.#attempt?.catch(() => undefined);
    await held?.instance.close();
    held?.engine.close();
  }

  async #start(): Promise<Held> {
    try {
      const held = await this.#startOnce();
      this.#found = held;
      this.#options.onSandboxes?.(held.instance.sandboxes);
      void held.instance.lost.then((why) => this.#lost.resolve(why));
      log.info("The engine is ready", {
        engineApi: held.engine.apiVersion,
        image: held.image,
        instance: this.#options.config.instance,
      });
      return held;
    } catch (error) {
      this.#attempt = undefined;
      if (!this.#closing.signal.aborted) this.#report(error);
      throw error;
    }
  }

  #report(error: unknown): void {
    if (error instanceof OmcpError && error.code === "config_invalid") {
      this.#unusable.reject(error);
      return;
    }
    // The work on the images has log lines of its own.
    if (error instanceof OmcpError && error.code === "image_building") return;
    const { code, message, next } = error instanceof OmcpError
      ? error
      : { code: "internal", message: String(error), next: undefined };
    log.error("Serving without the engine: {reason}", { reason: message, code, next });
  }

  async #startOnce(): Promise<Held> {
    const { config, policy, read } = this.#options;
    const { signal } = this.#closing;
    const { engine, info } = await connectEngine({ location: config.engine, read, signal });
    try {
      const runtime = new DockerRuntime(engine, info);
      const maximum = resourceMaximum(config, await runtime.resources({ signal }));
      if (config.ociRuntime !== undefined) chosenOciRuntime(config.ociRuntime, info);
      await this.#images.require(engine);
      const name = config.image ?? imageReference("python");
      const id = await logStep(log, "Check the images", async () => {
        const found = await findImage(runtime, name, signal);
        for (const further of config.images) await warnOfMissing(runtime, further, signal);
        return found;
      });
      signal.throwIfAborted();
      const instance = await acquireInstance(config, runtime, id);
      try {
        await this.#checkDatasets(runtime, id, policy);
        signal.throwIfAborted();
      } catch (error) {
        await instance.close();
        throw error;
      }
      // By its id alone: an image that was built here has no digest by which the engine would find `NAME@sha256:…`.
      return { engine, runtime, image: isPinned(name) ? id : name, maximum, instance };
    } catch (error) {
      engine.close();
      throw error;
    }
  }

  async #checkDatasets(runtime: ContainerPlatform, image: string, policy: SandboxPolicy): Promise<void> {
    const { config } = this.#options;
    const unfit = linkedFolderProblem(config);
    const lines = await checkDatasets({ runtime, instance: config.instance, image, policy, unfit });
    for (const line of lines) log.info("{line}", { line });
  }
}

/** Only calls that choose the image need it. */
async function warnOfMissing(runtime: ContainerPlatform, image: string, signal: AbortSignal): Promise<void> {
  try {
    await findImage(runtime, image, signal);
  } catch (error) {
    if (!(error instanceof OmcpError && error.code === "image_missing")) throw error;
    log.warning("An image of OMCP_IMAGES cannot be used: {reason}", { reason: error.message });
  }
}
