/** A container with our agent in it: started, attached, its channel up. Sandboxes and the local database are both that. */
import { addAbortListener } from "node:events";
import { bootBytes, type BootConfig, Channel, type ChannelEvent } from "../agent_protocol/mod.ts";
import type { ByteStream } from "../lib/byte_stream.ts";
import { abortError } from "../lib/async/abort_error.ts";
import { DeadlineSignal } from "../lib/async/deadline.ts";
import type { Attachment, ContainerSpec } from "../docker/mod.ts";
import { OmcpError } from "../errors.ts";
import { GUEST_MODULES } from "../guest/mod.ts";
import { type AgentLog, logAgent } from "./agent_log.ts";
import type { ContainerRuntime } from "./container_runtime.ts";
import { type Removal, Removals } from "./removals.ts";

/** How long the whole of a start may take, a first start on a cold disk and a loaded machine included. */
const START_DEADLINE_MS = 50_000;
/** How long a failed start waits for its container's removal before it says that this goes on. */
const ROLLBACK_MS = 5000;
const INSPECT_MS = 2000;
/** Errors after which the engine has certainly made no container of that name for us. */
const NOT_MADE: ReadonlySet<string> = new Set([
  "engine_conflict",
  "engine_not_found",
  "engine_refused",
  "engine_unreachable",
  "image_missing",
  "invalid_argument",
]);

/** What {@link startAgentContainer} needs. */
export interface AgentContainerOptions {
  /** Where it is to run. */
  readonly host: ContainerRuntime;
  /** Who removes it; without, removals of its own. */
  readonly removals?: Removals;
  /** The whole container; its command must be the agent's loader. */
  readonly spec: ContainerSpec;
  /** The container's name in the host; unique. */
  readonly name: string;
  /** The agent's boot configuration (see `agent_protocol/MESSAGES.md`). */
  readonly config: BootConfig;
  /** What the container may open streams to. */
  readonly services?: Readonly<Record<string, (stream: ByteStream) => void>>;
  /** Looks at the container before it is started; where it throws, nothing remains of it. */
  readonly inspectCreated?: (id: string, signal: AbortSignal) => Promise<void>;
  /** Takes events that belong to no request. */
  readonly onEvent?: (event: ChannelEvent) => void;
  /** Aborting it gives up and rolls back. */
  readonly signal?: AbortSignal;
}

/** Why a container ended. */
export interface ContainerEnd {
  /** For messages, without its final period: who closed the channel, or how it broke. */
  readonly reason: string;
  /** True where the host says that it was killed for want of memory. */
  readonly outOfMemory: boolean;
  /** Null where the host no longer knows. */
  readonly exitCode: number | null;
}

/** A running container with its channel. */
export interface AgentContainer {
  /** The container's name in the host. */
  readonly name: string;
  /** Its agent's channel, greeted and ready; it ends with the container. */
  readonly channel: Channel;
  /** Resolves when the container or the channel to it is over; its removal has begun by then. Never rejects. */
  readonly ended: Promise<ContainerEnd>;
  /** Ends it, and removes it however often that has to be tried. Idempotent. */
  remove(reason: string): Removal;
}

/**
 * Creates a container, attaches, starts it, boots the agent over its stdin and brings the channel up.
 * When any step fails, nothing remains, or its removal goes on until it is gone: `removals` knows.
 *
 * @param options See {@link AgentContainerOptions}.
 * @returns The running container.
 * @throws {OmcpError} The engine's own errors, `timeout`, or `sandbox_start_failed` where the agent gave no sign of life.
 */
export async function startAgentContainer(options: AgentContainerOptions): Promise<AgentContainer> {
  using deadline = new DeadlineSignal(START_DEADLINE_MS, options.signal);
  const { signal } = deadline;
  if (signal.aborted) throw abortError(signal.reason, `Cannot start the container ${options.name}`);
  const parts = {
    host: options.host,
    name: options.name,
    removals: options.removals ?? new Removals(options.host),
  };
  const id = await create(options, parts);
  let attachment: Attachment | undefined;
  // Ends a wait for a container that reads and sends nothing.
  using _closing = addAbortListener(signal, () => attachment?.close());
  try {
    const inspected = options.inspectCreated?.(id, signal);
    // Awaited below; until then the attach goes on beside it.
    inspected?.catch(() => {});
    attachment = await parts.host.attach(id, { signal });
    await inspected;
    const said = logAgent(parts.name, attachment.stderr);
    await parts.host.startContainer(id, { signal });
    const channel = await bringUp(attachment, said, options, signal);
    return hosted({ ...parts, id, channel, attachment });
  } catch (error) {
    // Closing comes first: an engine may hang in removing a container whose attach is stalled.
    attachment?.close();
    await parts.removals.remove({ name: parts.name, id }).within(ROLLBACK_MS);
    throw error;
  }
}

interface Parts {
  readonly host: ContainerRuntime;
  readonly name: string;
  readonly removals: Removals;
}

/** Not to be given up half-way: the engine goes on, and the container would come after its removal. */
async function create(options: AgentContainerOptions, { host, name, removals }: Parts): Promise<string> {
  try {
    return await host.createContainer(options.spec, { name, deadlineMs: START_DEADLINE_MS });
  } catch (error) {
    const known = error instanceof OmcpError ? error : undefined;
    if (known === undefined || !NOT_MADE.has(known.code)) {
      // An answer with a status is the engine's last word; without one it may go on.
      removals.remove({ name, mayCome: typeof known?.details.status !== "number" });
    }
    throw error;
  }
}

async function bringUp(
  attachment: Attachment,
  agent: AgentLog,
  options: AgentContainerOptions,
  signal: AbortSignal,
): Promise<Channel> {
  try {
    const writer = attachment.writable.getWriter();
    try {
      await writer.write(bootBytes(GUEST_MODULES, options.config));
    } finally {
      writer.releaseLock();
    }
    return await Channel.open(attachment, {
      signal,
      helloDeadlineMs: START_DEADLINE_MS,
      ...(options.services === undefined ? {} : { services: options.services }),
      ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
    });
  } catch (cause) {
    if (signal.aborted) throw abortError(signal.reason, `Cannot start the container ${options.name}`);
    const said = agent.tail().trim();
    throw new OmcpError("sandbox_start_failed", `The container ${options.name} gave no sign of life`, {
      cause,
      state: "It has been removed.",
      next: said === ""
        ? "Check that its image has python3 ≥ 3.9 on its PATH, then try again."
        : `It printed: ${said.slice(-500)}`,
    });
  }
}

function hosted(parts: Parts & { id: string; channel: Channel; attachment: Attachment }): AgentContainer {
  const { host, id, name, channel, attachment, removals } = parts;
  let removal: Removal | undefined;
  function remove(reason: string): Removal {
    if (removal?.isGone === true) return removal;
    channel.close(reason);
    attachment.close();
    removal = removals.remove({ name, id });
    return removal;
  }
  const ended = (async (): Promise<ContainerEnd> => {
    const { reason } = await channel.closed;
    const state = removal === undefined
      ? await host.inspectContainer(id, { deadlineMs: INSPECT_MS }).then(
        (found) => found.state,
        () => undefined,
      )
      : undefined;
    if (removal === undefined) remove(reason);
    return { reason, outOfMemory: state?.oomKilled ?? false, exitCode: state?.exitCode ?? null };
  })();
  return { name, channel, ended, remove };
}
