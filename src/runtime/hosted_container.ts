/** A container with our agent in it: started, attached, its channel up. Sandboxes and the local database are both that. */
import { bootBytes, Channel, type ChannelEvent } from "../agent_protocol/mod.ts";
import type { ByteStream } from "../lib/byte_stream.ts";
import type { Attachment, ContainerSpec } from "../docker/mod.ts";
import { OmcpError } from "../errors.ts";
import { GUEST_MODULES } from "../guest/mod.ts";
import { logger } from "../observability/log.ts";
import type { ContainerHost } from "./container_host.ts";

const log = logger("host");

/** Bytes of an agent's stderr that reach the log, over its life. */
const STDERR_LOG_BYTES = 64 * 1024;
/** How long the whole of a start may take, a first start on a cold disk included. */
const START_DEADLINE_MS = 30_000;
const REMOVE_DEADLINE_MS = 10_000;

/** What {@link startHosted} needs. */
export interface HostedOptions {
  /** Where it is to run. */
  readonly host: ContainerHost;
  /** The whole container; its command must be the agent's loader. */
  readonly spec: ContainerSpec;
  /** The container's name in the host; unique. */
  readonly name: string;
  /** The agent's boot configuration (see `agent_protocol/PROTOCOL.md`). */
  readonly config: unknown;
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
export interface HostedContainer {
  /** The container's name in the host. */
  readonly name: string;
  /** Its agent's channel, greeted and ready; it ends with the container. */
  readonly channel: Channel;
  /** Resolves when the container or the channel to it is gone; the container is removed by then. */
  readonly ended: Promise<ContainerEnd>;
  /** Ends and removes it. Idempotent; resolves when it is gone. */
  remove(reason: string): Promise<void>;
}

/**
 * Creates a container, attaches, starts it, boots the agent over its stdin and brings the channel up.
 * When any step fails, nothing remains.
 *
 * @param options See {@link HostedOptions}.
 * @returns The running container.
 * @throws {OmcpError} The engine's own errors, or `sandbox_start_failed` where the agent gave no sign of life by the deadline.
 */
export async function startHosted(options: HostedOptions): Promise<HostedContainer> {
  const { host, name } = options;
  const deadline = AbortSignal.timeout(START_DEADLINE_MS);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
  signal.throwIfAborted();
  // Not to be given up half-way: the engine goes on, and the container would come after its removal.
  const id = await host.createContainer(options.spec, { name, deadlineMs: START_DEADLINE_MS })
    .catch((error: unknown) => {
      // It may have been made all the same; if it comes yet later, the sweep of never-started ones finds it.
      if (error instanceof OmcpError && error.code === "timeout") host.removeContainer(name).catch(() => {});
      throw error;
    });
  let attachment: Attachment | undefined;
  function abort(): void {
    attachment?.close();
  }
  // What waits for a container that reads and says nothing is set free by this.
  signal.addEventListener("abort", abort, { once: true });
  try {
    const inspected = options.inspectCreated?.(id, signal);
    // Awaited below; until then the attach goes on beside it.
    inspected?.catch(() => {});
    attachment = await host.attach(id, { signal });
    await inspected;
    const stderr = logStderr(name, attachment.stderr);
    await host.startContainer(id, { signal });
    const channel = await bringUp(attachment, stderr, options, signal);
    return hosted({ host, id, name, channel, attachment });
  } catch (error) {
    // Closing comes first: an engine may hang in removing a container whose attach is stalled.
    attachment?.close();
    await host.removeContainer(id, { deadlineMs: REMOVE_DEADLINE_MS }).catch((cause: unknown) => {
      log.error("Cannot remove a container whose start failed: {name}", { name, error: String(cause) });
    });
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function bringUp(
  attachment: Attachment,
  stderr: StderrTail,
  options: HostedOptions,
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
      ...(options.services === undefined ? {} : { services: options.services }),
      ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
    });
  } catch (cause) {
    const said = stderr.tail().trim();
    throw new OmcpError("sandbox_start_failed", `The container ${options.name} gave no sign of life`, {
      cause,
      state: "It has been removed.",
      next: said === ""
        ? "Check that its image has python3 ≥ 3.9 on its PATH, then try again."
        : `It printed: ${said.slice(-500)}`,
    });
  }
}

function hosted(
  parts: { host: ContainerHost; id: string; name: string; channel: Channel; attachment: Attachment },
): HostedContainer {
  const { host, id, name, channel, attachment } = parts;
  let removal: Promise<void> | undefined;
  function remove(reason: string): Promise<void> {
    removal ??= (async () => {
      channel.close(reason);
      attachment.close();
      await host.removeContainer(id, { deadlineMs: REMOVE_DEADLINE_MS });
    })();
    return removal;
  }
  const ended = (async (): Promise<ContainerEnd> => {
    const { reason } = await channel.closed;
    const state = removal === undefined
      ? await host.inspectContainer(id, { deadlineMs: 2000 }).then((found) => found.state, () => undefined)
      : undefined;
    await remove(reason).catch((error: unknown) => {
      log.error("Cannot remove an ended container: {name}", { name, error: String(error) });
    });
    return { reason, outOfMemory: state?.oomKilled ?? false, exitCode: state?.exitCode ?? null };
  })();
  return { name, channel, ended, remove };
}

interface StderrTail {
  tail(): string;
}

/** Sends what the agent prints on stderr to the log, and keeps its end for an error's text. */
function logStderr(name: string, stderr: ReadableStream<Uint8Array>): StderrTail {
  const decoder = new TextDecoder();
  let tail = "";
  let seen = 0;
  void (async () => {
    for await (const chunk of stderr) {
      seen += chunk.byteLength;
      if (seen - chunk.byteLength >= STDERR_LOG_BYTES) continue;
      const text = decoder.decode(chunk, { stream: true });
      tail = (tail + text).slice(-2000);
      log.info("Agent of {name} says: {text}", { name, text: text.slice(0, 4000) });
      if (seen >= STDERR_LOG_BYTES) {
        log.warning("Agent of {name} says too much: the rest is dropped", { name });
      }
    }
  })().catch(() => {/* The attach ended: its owner knows. */});
  return { tail: () => tail };
}
