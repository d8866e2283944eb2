/** A container with our agent in it, attached and verified. Sandboxes and local databases are such containers. */
import { addAbortListener } from "node:events";
import { setImmediate } from "node:timers/promises";
import {
  bootBytes,
  type BootConfig,
  type BootModules,
  Channel,
  type ChannelEvent,
  fromSource,
} from "../agent_protocol/mod.ts";
import { OmcpError } from "../errors.ts";
import { GUEST_MODULES } from "../guest/mod.ts";
import type { ByteStream } from "../lib/byte_stream.ts";
import { abortError } from "../lib/async/abort_error.ts";
import { DeadlineSignal } from "../lib/async/deadline.ts";
import { type AgentLog, logAgent } from "./agent_log.ts";
import { requireConfined, verifyAttestation } from "./attestation.ts";
import type { Attachment, CallOptions, ContainerRuntime } from "./container_runtime.ts";
import type { ContainerSpec } from "./container_spec.ts";
import { createContainer } from "./create_container.ts";
import { requireOciRuntime, verifyOciRuntime } from "./oci_runtime.ts";
import { DETACHED, type Removal, Removals } from "./removals.ts";

/** How long a whole start may take, including a first start on a cold disk and a loaded machine. */
const START_DEADLINE_MS = 50_000;
/** An agent that runs already responds at once, unless the machine is loaded. */
const ADOPT_DEADLINE_MS = 10_000;
/** How long a failed start waits for its container's removal before it throws; the removal continues. */
const ROLLBACK_MS = 5000;
const INSPECT_MS = 2000;
/** What both {@link startAgentContainer} and {@link adoptAgentContainer} need. */
export interface AgentContainerOptions {
  /** Where the container runs. */
  readonly runtime: ContainerRuntime;
  /** Removes the container. @default removals of its own */
  readonly removals?: Removals;
  /** The container; its command must be the agent's loader. The agent's attestation is compared with it. */
  readonly spec: ContainerSpec;
  /** The container's name in the runtime; unique. */
  readonly name: string;
  /** What the agent may open streams to, by name. */
  readonly services?: Readonly<Record<string, (stream: ByteStream) => void>>;
  /** Takes events that belong to no request. */
  readonly onEvent?: (event: ChannelEvent) => void;
  /** Aborting it gives up. */
  readonly signal?: AbortSignal;
}

/** What {@link startAgentContainer} needs. */
export interface StartOptions extends AgentContainerOptions {
  /** The agent's boot configuration (see `agent_protocol/MESSAGES.md`). */
  readonly config: BootConfig;
  /** The guest's modules. @default all of them, as sources */
  readonly modules?: BootModules;
  /** Checks the container before it is started; if it throws, the container is removed. */
  readonly inspectCreated?: (id: string, signal: AbortSignal) => Promise<void>;
}

/** What {@link adoptAgentContainer} needs. */
export interface AdoptOptions extends AgentContainerOptions {
  /** `lastSeq` of the former channel: the agent's events up to that number are dropped. @default the first event may have any number */
  readonly afterSeq?: number;
}

/** How a container ended. */
export interface ContainerEnd {
  /** For messages, without a final period: who closed the channel, or how it broke. */
  readonly reason: string;
  /** Whether the kernel killed a process of it for lack of memory. */
  readonly outOfMemory: boolean;
}

/** A running container with its channel. */
export interface AgentContainer {
  /** The container's name in the runtime. */
  readonly name: string;
  /** Its agent's channel, ready; it ends with the container. */
  readonly channel: Channel;
  /** Resolves when the container or its channel has ended; its removal has begun then. Never rejects. */
  readonly ended: Promise<ContainerEnd>;
  /** Ends it, and removes it with as many attempts as that takes. Idempotent. */
  remove(reason: string): Removal;
  /**
   * Gives it another name. From then on it is removed by that name: a server that has lost its instance without noticing cannot remove
   * a container that the next server has renamed.
   *
   * @throws {OmcpError} The runtime's errors.
   */
  rename(name: string, call?: CallOptions): Promise<void>;
  /** Ends its attach; the container runs on until its lease expires. Later removals do nothing. */
  detach(reason: string): void;
}

/**
 * Creates a container, attaches, starts it, boots the agent over its stdin, opens the channel and verifies the agent's attestation.
 * When a step fails, the container is removed; if that takes longer, `removals` goes on with it.
 *
 * @param options See {@link StartOptions}.
 * @returns The running container, confined as specified.
 * @throws {OmcpError} The runtime's own errors, `timeout`, `cancelled`, `sandbox_start_failed` where the agent did not respond, or
 * `sandbox_unsafe` where its attestation deviates.
 */
export async function startAgentContainer(options: StartOptions): Promise<AgentContainer> {
  using deadline = new DeadlineSignal(START_DEADLINE_MS, options.signal);
  const { signal } = deadline;
  if (signal.aborted) throw abortError(signal.reason, `Cannot start the container ${options.name}`);
  const parts = partsOf(options);
  const creating = createContainer({ ...parts, spec: options.spec, deadlineMs: START_DEADLINE_MS });
  // It takes milliseconds: once the request is on its way, while the engine works.
  const { modules = fromSource(GUEST_MODULES), config } = options;
  const message = setImmediate().then(() => bootBytes(modules, config));
  message.catch(() => {/* Awaited below. */});
  const id = await creating;
  let attachment: Attachment | undefined;
  // Ends a wait for a container that reads and sends nothing.
  using _closing = addAbortListener(signal, () => attachment?.close());
  try {
    const inspected = Promise.all([
      options.inspectCreated?.(id, signal),
      requireOciRuntime(parts.runtime, options.spec, { id, name: parts.name }, { signal }),
    ]);
    // Awaited below; the attach runs beside it.
    inspected.catch(() => {});
    attachment = await parts.runtime.attach(id, { signal });
    await inspected;
    const level = config.mode === "database" ? "debug" : "info";
    // Before the start: the boot message is there when the loader begins to read.
    const agentLog = logAgent(parts.name, attachment.stderr, level);
    const booting = boot(attachment, agentLog, { ...options, message, signal });
    booting.catch(() => {/* Awaited below: why it did not start says more. */});
    await parts.runtime.startContainer(id, { signal });
    const channel = verify(options, await booting);
    return new AttachedContainer({ ...parts, id, channel, attachment });
  } catch (error) {
    // The attach first: an engine can hang in removing a container whose attach is stalled.
    attachment?.close();
    await parts.removals.remove({ name: parts.name, id }).within(ROLLBACK_MS);
    throw error;
  }
}

/**
 * Attaches to a container that {@link startAgentContainer} started, in this server or an earlier one, and opens a new channel to its
 * agent with a fresh nonce; a former attach loses its streams. A container whose attestation deviates is removed. One that could not be
 * adopted for another reason keeps running until its lease ends.
 *
 * @param options See {@link AdoptOptions}.
 * @returns The running container, confined as specified.
 * @throws {OmcpError} `engine_not_found` if it does not run, the runtime's other errors, `channel_failed`, `timeout`, `cancelled`,
 * `agent_incompatible`, or `sandbox_unsafe` where its attestation deviates.
 */
export async function adoptAgentContainer(options: AdoptOptions): Promise<AgentContainer> {
  using deadline = new DeadlineSignal(ADOPT_DEADLINE_MS, options.signal);
  const { signal } = deadline;
  const parts = partsOf(options);
  const found = await parts.runtime.inspectContainer(parts.name, { signal });
  const { id, status } = found;
  if (status !== "running") {
    throw new OmcpError("engine_not_found", `Cannot adopt the container ${parts.name}: it is ${status}`, {
      state: "It is unchanged.",
    });
  }
  const attachment = await parts.runtime.attach(id, { signal });
  try {
    logAgent(parts.name, attachment.stderr);
    requireConfined(parts.name, verifyOciRuntime(options.spec, found));
    const channel = verify(options, await open(attachment, options, signal, options.afterSeq));
    return new AttachedContainer({ ...parts, id: parts.name, channel, attachment });
  } catch (error) {
    attachment.close();
    if (error instanceof OmcpError && error.code === "sandbox_unsafe") {
      await parts.removals.remove({ name: parts.name }).within(ROLLBACK_MS);
    }
    throw error;
  }
}

interface Parts {
  readonly runtime: ContainerRuntime;
  readonly name: string;
  readonly removals: Removals;
}

function partsOf({ runtime, name, removals = new Removals(runtime) }: AgentContainerOptions): Parts {
  return { runtime, name, removals };
}

async function boot(
  attachment: Attachment,
  agentLog: AgentLog,
  options: StartOptions & { readonly message: Promise<Uint8Array>; readonly signal: AbortSignal },
): Promise<Channel> {
  const { message, signal } = options;
  try {
    const writer = attachment.writable.getWriter();
    try {
      await writer.write(await message);
    } finally {
      writer.releaseLock();
    }
    return await open(attachment, options, signal);
  } catch (cause) {
    if (signal.aborted) throw abortError(signal.reason, `Cannot start the container ${options.name}`);
    if (cause instanceof OmcpError && cause.code === "agent_incompatible") throw cause;
    const printed = agentLog.tail().trim();
    throw new OmcpError("sandbox_start_failed", `The agent in ${options.name} did not respond`, {
      cause,
      state: "Its container has been removed.",
      next: printed === ""
        ? "Check that its image has python3 ≥ 3.9 on its PATH, then try again."
        : `It printed: ${printed.slice(-500)}`,
    });
  }
}

function open(
  attachment: Attachment,
  options: AgentContainerOptions,
  signal: AbortSignal,
  afterSeq?: number,
): Promise<Channel> {
  return Channel.open(attachment, {
    signal,
    helloDeadlineMs: START_DEADLINE_MS,
    ...(options.services === undefined ? {} : { services: options.services }),
    ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
    ...(afterSeq === undefined ? {} : { afterSeq }),
  });
}

function verify({ spec, name }: AgentContainerOptions, channel: Channel): Channel {
  try {
    requireConfined(name, verifyAttestation(spec, channel.hello));
    return channel;
  } catch (error) {
    channel.close("its container is not confined as specified");
    throw error;
  }
}

class AttachedContainer implements AgentContainer {
  readonly channel: Channel;
  readonly ended: Promise<ContainerEnd>;
  readonly #parts: Parts & { readonly attachment: Attachment };
  #name: string;
  /** Its id or, once it has been renamed or adopted, its name. */
  #target: string;
  #removal: Removal | undefined;

  constructor(parts: Parts & { readonly id: string; channel: Channel; readonly attachment: Attachment }) {
    this.#name = parts.name;
    this.#target = parts.id;
    this.channel = parts.channel;
    this.#parts = parts;
    this.ended = this.#end();
  }

  get name(): string {
    return this.#name;
  }

  remove(reason: string): Removal {
    if (this.#removal?.isRemoved === true) return this.#removal;
    const { attachment, removals } = this.#parts;
    this.channel.close(reason);
    attachment.close();
    this.#removal = removals.remove({ name: this.#name, id: this.#target });
    return this.#removal;
  }

  async rename(name: string, call?: CallOptions): Promise<void> {
    await this.#parts.runtime.renameContainer(this.#target, name, call);
    this.#name = name;
    this.#target = name;
  }

  detach(reason: string): void {
    if (this.#removal !== undefined) return;
    this.#removal = DETACHED;
    this.channel.close(reason);
    this.#parts.attachment.close();
  }

  async #end(): Promise<ContainerEnd> {
    const { reason } = await this.channel.closed;
    const removing = this.#removal !== undefined;
    const found = removing ? undefined : await this.#inspect();
    if (this.#removal === undefined) this.remove(reason);
    return { reason, outOfMemory: found?.outOfMemory ?? false };
  }

  /** Asked before the removal: afterwards the runtime cannot answer. */
  async #inspect() {
    return await this.#parts.runtime.inspectContainer(this.#target, { deadlineMs: INSPECT_MS }).catch(() =>
      undefined
    );
  }
}
