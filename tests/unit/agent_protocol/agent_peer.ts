/** A fake agent in memory. A test makes it send any frames, valid or invalid. */
import type { ByteStream } from "../../../src/lib/byte_stream.ts";
import {
  encodeFrame,
  type Frame,
  type FrameType,
  MAGIC,
  NONCE_BYTES,
  type OutgoingFrame,
} from "../../../src/agent_protocol/frame.ts";
import { FrameDecoder } from "../../../src/agent_protocol/frame_decoder.ts";
import { PROTOCOL } from "../../../src/agent_protocol/messages/mod.ts";
import { agentVersion } from "../../../src/agent_protocol/messages/agent_version.ts";
import { Channel, type ChannelOptions } from "../../../src/agent_protocol/mod.ts";

const DEADLINE_MS = 10_000;
const encoder = new TextEncoder();

/** The hello of an agent with this server's version. */
export const HELLO = { protocol: PROTOCOL, agent: agentVersion() };

/** JSON as a payload. */
export function json(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** A frame's payload as JSON. */
export function fromJson(frame: Frame): unknown {
  return JSON.parse(new TextDecoder().decode(frame.payload));
}

/** Waits with a deadline. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`Timed out: ${what}`)), DEADLINE_MS);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

interface Waiter {
  readonly type: FrameType;
  readonly resolve: (frame: Frame) => void;
}

/** The agent's side of a transport in memory. */
export class AgentPeer {
  /** The server's end of the transport. */
  readonly transport: ByteStream;
  /** The nonce the server sent. */
  readonly nonce: Promise<Uint8Array>;
  /** Resolves when the server has closed the transport. */
  readonly dropped: Promise<void>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #inbox: Frame[] = [];
  readonly #waiters: Waiter[] = [];
  #reading = Promise.withResolvers<void>();

  constructor() {
    const toAgent = new TransformStream<Uint8Array, Uint8Array>();
    const toServer = new TransformStream<Uint8Array, Uint8Array>();
    this.transport = { readable: toServer.readable, writable: toAgent.writable };
    this.#writer = toServer.writable.getWriter();
    const nonce = Promise.withResolvers<Uint8Array>();
    this.nonce = nonce.promise;
    this.#reading.resolve();
    this.dropped = this.#read(toAgent.readable, nonce.resolve).catch(() => {});
  }

  /** Answers the attach with a hello; sends `before` ahead of the nonce. */
  async greet(hello: unknown = HELLO, before: Uint8Array = new Uint8Array(0)): Promise<void> {
    if (before.length > 0) await this.write(before);
    await this.write(await within(this.nonce, "the nonce"));
    await this.send({ type: "HELLO", payload: json(hello) });
  }

  /** Sends a frame; resolves when the server has read it. */
  send(frame: OutgoingFrame): Promise<void> {
    return this.write(encodeFrame(frame));
  }

  /** Sends an event. */
  event(seq: number, value: unknown, id = 0): Promise<void> {
    return this.send({ type: "EVENT", seq, id, payload: json(value) });
  }

  /** Sends any bytes; ignores the error if the server has closed the transport. */
  async write(bytes: Uint8Array): Promise<void> {
    await within(this.#writer.write(bytes), "the server's reading").catch((error: unknown) => {
      if (error instanceof Error && error.message.startsWith("Timed out")) throw error;
    });
  }

  /** Ends the agent's output. */
  async hangUp(): Promise<void> {
    await this.#writer.close().catch(() => {});
  }

  /** Stops reading what the server sends. */
  pause(): void {
    this.#reading = Promise.withResolvers<void>();
  }

  /** Resumes reading. */
  resume(): void {
    this.#reading.resolve();
  }

  /** Waits for the next frame of this type. */
  async next(type: FrameType): Promise<Frame> {
    const place = this.#inbox.findIndex((frame) => frame.type === type);
    const found = place >= 0 ? this.#inbox.splice(place, 1)[0] : undefined;
    if (found !== undefined) return found;
    const { promise, resolve } = Promise.withResolvers<Frame>();
    this.#waiters.push({ type, resolve });
    return await within(promise, `a frame of type ${type}`);
  }

  /** Received frames of this type that next() has not returned. */
  waiting(type: FrameType): Frame[] {
    return this.#inbox.filter((frame) => frame.type === type);
  }

  async #read(readable: ReadableStream<Uint8Array>, onNonce: (nonce: Uint8Array) => void): Promise<void> {
    const decoder = new FrameDecoder("server");
    let opening: Uint8Array | undefined = new Uint8Array(0);
    for await (const chunk of readable) {
      let rest = chunk;
      if (opening !== undefined) {
        opening = Uint8Array.from([...opening, ...chunk]);
        if (opening.length < MAGIC.length + NONCE_BYTES) continue;
        onNonce(opening.slice(MAGIC.length, MAGIC.length + NONCE_BYTES));
        rest = opening.subarray(MAGIC.length + NONCE_BYTES);
        opening = undefined;
      }
      decoder.push(rest, (frame) => this.#take({ ...frame, payload: frame.payload.slice() }));
      await this.#reading.promise;
    }
  }

  #take(frame: Frame): void {
    const place = this.#waiters.findIndex((waiter) => waiter.type === frame.type);
    const waiter = place >= 0 ? this.#waiters.splice(place, 1)[0] : undefined;
    if (waiter === undefined) this.#inbox.push(frame);
    else waiter.resolve(frame);
  }
}

/** A channel to a fake agent. Disposing of it closes both and waits until the transport is closed. */
export async function connect(
  options: ChannelOptions = {},
): Promise<AsyncDisposable & { readonly channel: Channel; readonly peer: AgentPeer }> {
  const peer = new AgentPeer();
  const [channel] = await Promise.all([Channel.open(peer.transport, options), peer.greet()]);
  return {
    channel,
    peer,
    async [Symbol.asyncDispose]() {
      channel.close("the test is over");
      peer.resume();
      await within(peer.dropped, "the transport's end");
    },
  };
}
