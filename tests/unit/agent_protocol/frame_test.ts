import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteSearch } from "../../../src/agent_protocol/byte_search.ts";
import {
  encodeFrame,
  encodeMessage,
  type Frame,
  HEADER_BYTES,
  lengthWithoutMagic,
  MAGIC,
  MAX_PAYLOAD,
  type OutgoingFrame,
} from "../../../src/agent_protocol/frame.ts";
import { FrameDecoder } from "../../../src/agent_protocol/frame_decoder.ts";
import { ProtocolError } from "../../../src/agent_protocol/protocol_error.ts";
import { chunked, concat } from "./vectors.ts";

const id = fc.integer({ min: 1, max: 0xffffffff });
const seq = fc.integer({ min: 1, max: 0xffffffff });
const payload = fc.uint8Array({ minLength: 1, maxLength: 300 });
const agentFrame: fc.Arbitrary<Required<OutgoingFrame>> = fc.oneof(
  fc.record({ type: fc.constant("EVENT" as const), more: fc.boolean(), id: fc.nat(), seq, payload }),
  fc.record({
    type: fc.constantFrom("DATA" as const, "RESET" as const),
    more: fc.constant(false),
    id,
    seq: fc.constant(0),
    payload,
  }),
  fc.record({
    type: fc.constantFrom("PING" as const, "PONG" as const),
    more: fc.constant(false),
    id: fc.constant(0),
    seq: fc.constant(0),
    payload: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  }),
  fc.record({
    type: fc.constant("END" as const),
    more: fc.constant(false),
    id,
    seq: fc.constant(0),
    payload: fc.constant(new Uint8Array(0)),
  }),
);
const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 });

function comparable(frame: Frame | Required<OutgoingFrame>): unknown {
  return { ...frame, payload: frame.payload.toHex() };
}

Deno.test("FrameDecoder.push() decodes the frames of encodeFrame() from chunks of any size", () => {
  fc.assert(fc.property(fc.array(agentFrame, { maxLength: 20 }), sizes, (frames, cut) => {
    const decoder = new FrameDecoder("agent");
    const found: unknown[] = [];
    for (const chunk of chunked(concat(frames.map(encodeFrame)), cut)) {
      decoder.push(chunk, (frame) => found.push(comparable(frame)));
    }
    assert.deepEqual(found, frames.map(comparable));
    assert.equal(decoder.pending, 0);
  }));
});

Deno.test("FrameDecoder.push() gives the same result for hostile bytes in any chunks, and throws only ProtocolError", () => {
  function run(chunks: readonly Uint8Array[]): unknown {
    const decoder = new FrameDecoder("agent");
    const found: unknown[] = [];
    let kind: string | undefined;
    for (const chunk of chunks) {
      try {
        decoder.push(chunk, (frame) => found.push(comparable(frame)));
      } catch (error) {
        assert(error instanceof ProtocolError);
        assert(kind === undefined || kind === error.kind, "the first error stays");
        kind = error.kind;
      }
      assert(decoder.pending < HEADER_BYTES + MAX_PAYLOAD || kind !== undefined);
    }
    return { found, kind };
  }
  const hostile = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      agentFrame.map(encodeFrame),
      // A valid frame with one changed byte.
      fc.tuple(agentFrame, fc.nat(HEADER_BYTES - 1), fc.nat(255)).map(([frame, at, value]) => {
        const bytes = encodeFrame(frame);
        bytes[at] = value;
        return bytes;
      }),
    ),
    { maxLength: 12 },
  ).map(concat);
  fc.assert(fc.property(hostile, sizes, (bytes, cut) => {
    assert.deepEqual(run(chunked(bytes, cut)), run([bytes]));
  }));
});

Deno.test("FrameDecoder.push() does not copy a payload that lies within one chunk", () => {
  const chunk = encodeFrame({ type: "DATA", id: 2, payload: new Uint8Array(MAX_PAYLOAD).fill(7) });
  const payloads: Uint8Array[] = [];
  new FrameDecoder("agent").push(chunk, (frame) => payloads.push(frame.payload));
  assert.equal(payloads[0]?.length, MAX_PAYLOAD);
  assert.equal(payloads[0]?.buffer, chunk.buffer);
});

Deno.test("FrameDecoder.push() collects a payload from several chunks in one buffer of the announced length", () => {
  const bytes = encodeFrame({ type: "DATA", id: 2, payload: new Uint8Array(50_000).fill(7) });
  const payloads: Uint8Array[] = [];
  const decoder = new FrameDecoder("agent");
  for (const chunk of chunked(bytes, [1000])) decoder.push(chunk, (frame) => payloads.push(frame.payload));
  assert.equal(payloads[0]?.buffer.byteLength, 50_000);
});

Deno.test("encodeFrame() refuses a payload that is too long", () => {
  assert.throws(
    () => encodeFrame({ type: "DATA", id: 1, payload: new Uint8Array(MAX_PAYLOAD + 1) }),
    /at most 65536 bytes; received 65537/,
  );
});

Deno.test("encodeMessage() splits a message into parts that set MORE, except for the last", () => {
  for (const length of [0, 1, MAX_PAYLOAD - 1, MAX_PAYLOAD, MAX_PAYLOAD + 1, 3 * MAX_PAYLOAD]) {
    const message = new Uint8Array(length).map((_, at) => at % 251);
    const frames: Frame[] = [];
    const bytes = concat([...encodeMessage({ type: "REQUEST", id: 3, payload: message })]);
    new FrameDecoder("server").push(bytes, (frame) => frames.push(frame));
    assert.equal(frames.length, Math.max(1, Math.ceil(length / MAX_PAYLOAD)));
    assert.deepEqual(frames.map((frame) => frame.more), frames.map((_, at) => at < frames.length - 1));
    assert.deepEqual(concat(frames.map((frame) => frame.payload)), message);
  }
});

const nearMagic = fc.array(
  fc.oneof(
    fc.constant(MAGIC),
    fc.nat(16).map((length) => MAGIC.subarray(0, length)),
    fc.nat(16).map((start) => MAGIC.subarray(start)),
    fc.uint8Array({ maxLength: 4 }),
  ),
  { maxLength: 12 },
).map(concat);

/** Splits a payload as a stream does; returns the parts and the concatenated frames. */
function sendAll(bytes: Uint8Array): { readonly sent: Uint8Array; readonly payloads: readonly Uint8Array[] } {
  const payloads: Uint8Array[] = [];
  for (let rest = bytes; rest.length > 0;) {
    const length = lengthWithoutMagic(rest.subarray(0, MAX_PAYLOAD));
    assert(length > 0);
    payloads.push(rest.subarray(0, length));
    rest = rest.subarray(length);
  }
  return { sent: concat(payloads.map((payload) => encodeFrame({ type: "DATA", id: 1, payload }))), payloads };
}

Deno.test("lengthWithoutMagic() splits data into parts without MAGIC and loses nothing", () => {
  const search = new ByteSearch(MAGIC);
  fc.assert(fc.property(nearMagic, (bytes) => {
    const parts: Uint8Array[] = [];
    for (let rest = bytes; rest.length > 0;) {
      const length = lengthWithoutMagic(rest);
      assert(length > 0);
      parts.push(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
    assert.deepEqual(concat(parts), bytes);
    assert(parts.every((part) => search.find(part) < 0));
  }));
});

Deno.test("lengthWithoutMagic() prevents MAGIC across a header's end and its payload's start", () => {
  const search = new ByteSearch(MAGIC);
  // For 63995 bytes the header ends with MAGIC's first two bytes, for the other lengths with its first.
  for (const [length, inHeader] of [[63_995, 2], [0xf9, 1], [0x1f9, 1], [0xfff9, 1]] as const) {
    const bytes = new Uint8Array(length);
    bytes.set(MAGIC.subarray(inHeader));
    assert.equal(search.find(encodeFrame({ type: "DATA", id: 1, payload: bytes })), HEADER_BYTES - inHeader);
    const { sent, payloads } = sendAll(bytes);
    assert.equal(search.find(sent), -1, `${length} bytes`);
    assert.deepEqual(payloads.map((part) => part.length), [length - 1, 1]);
    assert.deepEqual(concat(payloads), bytes);
  }
});

Deno.test("lengthWithoutMagic() keeps MAGIC out of the sent frames for all payload lengths", () => {
  const search = new ByteSearch(MAGIC);
  const low = fc.constantFrom(0xf8, 0xf9, 0xfa, 0xfb, 0xfc);
  const start = fc.nat(16).map((at) => MAGIC.subarray(at));
  // The payload starts with an end of MAGIC; its length decides. MAGIC may follow anywhere.
  const hostile = fc.record({ start, low, high: fc.constantFrom(0, 1, 0xf9), rest: nearMagic })
    .map(({ start, low, high, rest }) => {
      const bytes = new Uint8Array(high * 256 + low);
      bytes.set(rest.subarray(0, 200), bytes.length - Math.min(rest.length, 200));
      bytes.set(start);
      return bytes;
    });
  fc.assert(fc.property(fc.array(hostile, { maxLength: 3 }), (chunks) => {
    const all = chunks.map(sendAll);
    assert.equal(search.find(concat(all.map(({ sent }) => sent))), -1);
    assert.deepEqual(concat(all.flatMap(({ payloads }) => payloads)), concat(chunks));
  }));
});

Deno.test("ByteSearch.find() agrees with a naive search", () => {
  const small = fc.uint8Array({ min: 0, max: 2, minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(small, fc.uint8Array({ min: 0, max: 2, maxLength: 40 }), fc.nat(10), (needle, hay, from) => {
      const naive = hay.toHex().replaceAll(/../g, "$& ").indexOf(
        needle.toHex().replaceAll(/../g, "$& "),
        from * 3,
      );
      assert.equal(new ByteSearch(needle).find(hay, from), naive < 0 ? -1 : naive / 3);
    }),
  );
});
