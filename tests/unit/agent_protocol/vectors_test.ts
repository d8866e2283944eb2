import assert from "node:assert/strict";
import { HandshakeScanner } from "../../../src/agent_protocol/handshake_scanner.ts";
import { ReceiveWindow } from "../../../src/agent_protocol/receive_window.ts";
import { type Frame, lengthWithoutMagic, type Side } from "../../../src/agent_protocol/frame.ts";
import { FrameDecoder } from "../../../src/agent_protocol/frame_decoder.ts";
import { readEvent, readHello, readRequest } from "../../../src/agent_protocol/message.ts";
import { MessageAssembler } from "../../../src/agent_protocol/message_assembler.ts";
import { ProtocolError } from "../../../src/agent_protocol/protocol_error.ts";
import { chunked, expand, readVectors, type Vector } from "./vectors.ts";

/** The decoded `items`, and the kind of the error that ended decoding. */
interface Outcome {
  readonly items: readonly unknown[];
  readonly error: string | undefined;
}

function collect(run: (add: (item: unknown) => void) => void): Outcome {
  const items: unknown[] = [];
  try {
    run((item) => items.push(item));
    return { items, error: undefined };
  } catch (error) {
    assert(error instanceof ProtocolError, `not a ProtocolError: ${error}`);
    return { items, error: error.kind };
  }
}

function plain(frame: Frame): unknown {
  return { ...frame, payload: frame.payload.toHex() };
}

function sender(vector: Vector): Side {
  return vector.direction === "server_to_agent" ? "server" : "agent";
}

/** Splits an input in several ways: whole, byte by byte, odd sizes; a large input only into large chunks. */
function cuttings(bytes: Uint8Array): Uint8Array[][] {
  const ways = bytes.length > 100_000
    ? [[bytes.length], [4099, 65536, 7001]]
    : [[bytes.length], [1], [3, 1, 16, 2], [15, 17], [7, 40, 1]];
  return ways.map((sizes) => chunked(bytes, sizes));
}

function readMessage(frame: Frame, body: Uint8Array): unknown {
  if (frame.type === "HELLO") return readHello(body);
  return frame.type === "EVENT" ? readEvent(body) : readRequest(body);
}

function takeMessages(vector: Vector, chunks: readonly Uint8Array[], add: (item: unknown) => void): void {
  const decoder = new FrameDecoder(sender(vector));
  const assembler = new MessageAssembler();
  const received = new ReceiveWindow();
  for (const chunk of chunks) {
    decoder.push(chunk, (frame) => {
      if (frame.type !== "HELLO" && frame.type !== "EVENT" && frame.type !== "REQUEST") return;
      if (frame.type === "EVENT") received.begin(frame.seq);
      const body = assembler.push(frame);
      if (body === undefined) return;
      const json = readMessage(frame, body);
      if (frame.type === "EVENT" && !received.complete(frame.seq)) return;
      add({ type: frame.type, id: frame.id, seq: frame.seq, json });
    });
  }
}

function check(vector: Vector, chunks: readonly Uint8Array[]): void {
  if (vector.layer === "frames") {
    const decoder = new FrameDecoder(sender(vector));
    const outcome = collect((add) => {
      for (const chunk of chunks) decoder.push(chunk, (frame) => add(plain(frame)));
    });
    const frames = vector.expect.frames.map((frame) => ({
      ...frame,
      payload: expand(frame.payload).toHex(),
    }));
    assert.deepEqual(outcome, { items: frames, error: vector.expect.error });
    if (vector.expect.pending !== undefined) assert.equal(decoder.pending, vector.expect.pending);
  } else if (vector.layer === "messages") {
    const outcome = collect((add) => takeMessages(vector, chunks, add));
    assert.deepEqual(outcome, { items: vector.expect.messages, error: vector.expect.error });
  } else if (vector.layer === "server_attach") {
    const decoder = new FrameDecoder("agent");
    let handshake: HandshakeScanner | undefined = new HandshakeScanner(Uint8Array.fromHex(vector.nonce));
    const outcome = collect((add) => {
      for (const chunk of chunks) {
        const rest = handshake === undefined ? chunk : handshake.push(chunk);
        if (rest === undefined) continue;
        handshake = undefined;
        decoder.push(rest, (frame) => add(plain(frame)));
      }
    });
    assert.deepEqual(outcome, { items: vector.expect.frames, error: vector.expect.error });
  }
}

Deno.test("the shared vectors decode as expected, split into chunks of any size", async (t) => {
  const vectors = await readVectors();
  assert(vectors.length > 100);
  for (const vector of vectors) {
    if (vector.layer === "agent_attach") continue; // Only the agent reads these.
    await t.step(`${vector.layer}: ${vector.name}`, () => {
      const bytes = expand(vector.bytes);
      if (vector.layer === "split") {
        const parts = [];
        for (let rest = bytes; rest.length > 0;) {
          const length = lengthWithoutMagic(rest);
          parts.push(rest.subarray(0, length).toHex());
          rest = rest.subarray(length);
        }
        assert.deepEqual(parts, vector.expect.parts);
        return;
      }
      for (const chunks of cuttings(bytes)) check(vector, chunks);
    });
  }
});

Deno.test("the checked-in vectors equal the generator's output", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const source = new URL("../../vectors/generate.ts", import.meta.url);
    await Deno.copyFile(source, `${directory}/generate.ts`);
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-config", `--allow-write=${directory}`, `${directory}/generate.ts`],
      stdout: "null",
      stderr: "inherit",
    });
    assert((await command.output()).success);
    const made = await Deno.readTextFile(`${directory}/frames.json`);
    assert(made === await Deno.readTextFile(new URL("../../vectors/frames.json", import.meta.url)));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
