/** The channel against the real agent, which runs in a local process instead of a container. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { fileURLToPath } from "node:url";
import { encodeFrame, type Frame, type OutgoingFrame } from "../../../src/agent_protocol/frame.ts";
import { FrameDecoder } from "../../../src/agent_protocol/frame_decoder.ts";
import {
  bootBytes,
  Channel,
  fromSource,
  ReplyError,
  sandboxBootConfig,
  StreamResetError,
} from "../../../src/agent_protocol/mod.ts";
import { GUEST_MODULES, LOADER_COMMAND } from "../../../src/guest/mod.ts";
import { within } from "./agent_peer.ts";
import { concat } from "./vectors.ts";

/** Reads frames with the agent's parser and writes them back with the agent's encoder. */
const ECHO = `
import os, sys
sys.path.insert(0, sys.argv[1])
from agent.frames import FrameParser, encode_frame
parser = FrameParser(from_server=False)
while chunk := os.read(0, 997):
    for frame in parser.feed(chunk):
        sys.stdout.buffer.write(encode_frame(frame.type, frame.id, frame.payload, frame.seq, frame.flags))
`;

function guestFolder(): string {
  return fileURLToPath(new URL("../../../src/guest", import.meta.url));
}

async function throughPython(bytes: Uint8Array): Promise<Uint8Array> {
  const child = new Deno.Command("python3", {
    args: ["-B", "-c", ECHO, guestFolder()],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const [output] = await Promise.all([
    child.output(),
    ReadableStream.from([bytes.slice()]).pipeTo(child.stdin),
  ]);
  assert(output.success);
  return output.stdout;
}

/** Starts the loader as in a container; it waits for the boot message. */
function spawnLoader(): Deno.ChildProcess {
  const [command, ...args] = LOADER_COMMAND;
  assert(command !== undefined);
  return new Deno.Command(command, { args, stdin: "piped", stdout: "piped", stderr: "null" }).spawn();
}

Deno.test("the agent and the server encode and decode frames alike", async () => {
  const payload = fc.uint8Array({ minLength: 1, maxLength: 2000 });
  const id = fc.integer({ min: 1, max: 0xffffffff });
  const seq = fc.integer({ min: 1, max: 0xffffffff });
  const frame: fc.Arbitrary<OutgoingFrame> = fc.oneof(
    fc.record({ type: fc.constant("EVENT" as const), more: fc.boolean(), id: fc.nat(), seq, payload }),
    fc.record({ type: fc.constant("DATA" as const), id, payload }),
    fc.record({ type: fc.constant("END" as const), id }),
    fc.record({ type: fc.constant("PING" as const), payload: fc.uint8Array({ minLength: 8, maxLength: 8 }) }),
  );
  const frames = fc.sample(frame, { numRuns: 500, seed: 3 }).map(encodeFrame);
  frames.push(encodeFrame({ type: "DATA", id: 2, payload: new Uint8Array(65536).fill(0xf9) }));
  const back = await throughPython(concat(frames));
  assert.equal(back.toHex(), concat(frames).toHex());
  const read: Frame[] = [];
  new FrameDecoder("agent").push(back, (one) => read.push(one));
  assert.equal(read.length, frames.length);
});

Deno.test("Channel attaches to the real agent twice, and each attach gets answers", async () => {
  const child = spawnLoader();
  const writer = child.stdin.getWriter();
  let current: ReadableStreamDefaultController<Uint8Array> | undefined;
  // The pipes outlive a channel, as a container's do; output without an attached channel is lost.
  const pumped = child.stdout.pipeTo(
    new WritableStream({ write: (chunk) => current?.enqueue(chunk) }),
  );
  try {
    await writer.write(bootBytes(fromSource(GUEST_MODULES), sandboxBootConfig({ leaseSeconds: 20 })));
    for (const _ of [1, 2]) {
      const channel = await Channel.open({
        readable: new ReadableStream<Uint8Array>({
          start: (controller) => {
            current = controller;
          },
          cancel: () => {
            current = undefined;
          },
        }),
        writable: new WritableStream<Uint8Array>({ write: (chunk) => writer.write(chunk) }),
      }, { heartbeatMs: 50 });
      const hello = JSON.stringify(channel.hello);
      assert.match(hello, /"protocol":1.*"mode":"sandbox"/);
      await assert.rejects(
        channel.request("no_such_method", {}, { deadlineMs: 60_000 }),
        (error) => error instanceof ReplyError,
      );
      const stream = await channel.openStream("no_such_service");
      await within(
        assert.rejects(stream.readable.getReader().read(), (error) => error instanceof StreamResetError),
        "the refusal",
      );
      channel.close("the attach is over");
    }
  } finally {
    child.kill("SIGKILL");
    await child.status;
    await pumped;
    await writer.abort().catch(() => {});
  }
});

Deno.test("Channel refuses a real agent with another version or protocol", async () => {
  const config = sandboxBootConfig({ leaseSeconds: 20 });
  const contract = GUEST_MODULES["agent.contract"] ?? "";
  const other = contract.replace("PROTOCOL = 1\n", "PROTOCOL = 2\n");
  assert.notEqual(other, contract);
  const agents = [
    {
      boot: bootBytes(fromSource(GUEST_MODULES), { ...config, version: "9.9.9" }),
      named: /has version 9\.9\.9/,
    },
    {
      boot: bootBytes(fromSource({ ...GUEST_MODULES, "agent.contract": other }), config),
      named: /protocol 2;/,
    },
  ];
  for (const { boot, named } of agents) {
    const child = spawnLoader();
    const writer = child.stdin.getWriter();
    await writer.write(boot);
    writer.releaseLock();
    const opening = Channel.open({ readable: child.stdout, writable: child.stdin });
    await assert.rejects(opening, { code: "agent_incompatible", message: named });
    child.kill("SIGKILL");
    await child.status;
  }
});
