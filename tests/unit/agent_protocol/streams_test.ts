/** Streams over the channel. Longer than 300 lines: every test needs the peer and the helpers at the top. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteSearch } from "../../../src/agent_protocol/byte_search.ts";
import type { ByteStream } from "../../../src/lib/byte_stream.ts";
import { type Frame, MAGIC, MAX_PAYLOAD } from "../../../src/agent_protocol/frame.ts";
import { Channel, StreamResetError } from "../../../src/agent_protocol/mod.ts";
import { type ErrorCode, OmcpError } from "../../../src/errors.ts";
import { AgentPeer, connect, fromJson, json, within } from "./agent_peer.ts";
import { concat } from "./vectors.ts";
import { repetitions } from "../../fixtures/load.ts";

const WINDOW = 262_144;

function isReset(text: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof StreamResetError && text.test(error.message);
}

function isError(code: ErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof OmcpError && error.code === code;
}

function credit(bytes: number): Uint8Array {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, bytes);
  return payload;
}

function amount(frame: Frame): number {
  return new DataView(frame.payload.buffer, frame.payload.byteOffset).getUint32(0);
}

/** Sends bytes as an agent must: within its credit, which only the CREDIT frames of this stream renew. */
async function sendAll(peer: AgentPeer, id: number, total: number): Promise<void> {
  let left = WINDOW;
  for (let sent = 0; sent < total;) {
    while (left === 0) left += amount(await peer.next("CREDIT"));
    const length = Math.min(MAX_PAYLOAD, left, total - sent);
    await peer.send({ type: "DATA", id, payload: new Uint8Array(length).fill(sent / MAX_PAYLOAD) });
    left -= length;
    sent += length;
  }
}

/** Waits for a PONG: then the channel has read everything that was sent before. */
async function settle(peer: AgentPeer): Promise<void> {
  await peer.send({ type: "PING", payload: new Uint8Array(8) });
  await peer.next("PONG");
}

Deno.test("openStream() uses odd ids in order and sends the written bytes", async () => {
  await using link = await connect();
  const first = await link.channel.openStream("postgres");
  await link.channel.openStream("postgres");
  const opens = [await link.peer.next("OPEN"), await link.peer.next("OPEN")];
  assert.deepEqual(opens.map((frame) => frame.id), [1, 3]);
  assert.deepEqual(opens.map(fromJson), [{ service: "postgres" }, { service: "postgres" }]);
  const writer = first.writable.getWriter();
  await writer.write(new Uint8Array(0));
  await writer.write(Uint8Array.of(1, 2));
  await writer.close();
  const data = await link.peer.next("DATA");
  assert.deepEqual([data.id, data.payload.toHex()], [1, "0102"]);
  assert.equal((await link.peer.next("END")).id, 1);
});

Deno.test("after END in one direction, the other direction stays open", async () => {
  await using link = await connect();
  const stream = await link.channel.openStream("postgres");
  await link.peer.send({ type: "DATA", id: 1, payload: Uint8Array.of(7) });
  await link.peer.send({ type: "END", id: 1 });
  assert.equal((await new Response(stream.readable).bytes()).toHex(), "07");
  const writer = stream.writable.getWriter();
  await writer.write(Uint8Array.of(8));
  await writer.close();
  assert.equal((await link.peer.next("DATA")).payload.toHex(), "08");
  await link.peer.next("END");
  // The stream is closed: the channel ignores frames that were sent before.
  await link.peer.send({ type: "DATA", id: 1, payload: Uint8Array.of(9) });
  await link.peer.send({ type: "CREDIT", id: 1, payload: credit(1) });
  await link.peer.send({ type: "RESET", id: 1 });
  await settle(link.peer);
});

Deno.test("data before both ENDs can be read after them", async () => {
  await using link = await connect();
  const stream = await link.channel.openStream("postgres");
  await link.peer.send({ type: "DATA", id: 1, payload: new Uint8Array(100_000 - 65_536) });
  await link.peer.send({ type: "DATA", id: 1, payload: new Uint8Array(65_536) });
  await link.peer.send({ type: "END", id: 1 });
  await stream.writable.close();
  await settle(link.peer);
  link.channel.close();
  assert.equal((await new Response(stream.readable).bytes()).length, 100_000);
});

Deno.test("a writer waits for credit and sends no byte beyond it", async () => {
  await using link = await connect();
  const stream = await link.channel.openStream("postgres");
  const bytes = new Uint8Array(WINDOW + 70_000).map((_, at) => at % 249);
  const writer = stream.writable.getWriter();
  const written = writer.write(bytes).then(() => writer.close());
  const got: Uint8Array[] = [];
  const lengthOf = (): number => got.reduce((sum, part) => sum + part.length, 0);
  while (lengthOf() < WINDOW) got.push((await link.peer.next("DATA")).payload);
  await settle(link.peer);
  assert.deepEqual([lengthOf(), link.peer.waiting("DATA").length], [WINDOW, 0]);
  await link.peer.send({ type: "CREDIT", id: 1, payload: credit(1) });
  got.push((await link.peer.next("DATA")).payload);
  assert.equal(lengthOf(), WINDOW + 1);
  await link.peer.send({ type: "CREDIT", id: 1, payload: credit(1_000_000) });
  while (lengthOf() < bytes.length) got.push((await link.peer.next("DATA")).payload);
  await within(written, "the writer");
  assert.equal(concat(got).toHex(), bytes.toHex());
});

Deno.test("credit is granted when the consumer has read, not before", async () => {
  await using link = await connect();
  const stream = await link.channel.openStream("postgres");
  for (let turn = 0; turn < 4; turn += 1) {
    await link.peer.send({ type: "DATA", id: 1, payload: new Uint8Array(MAX_PAYLOAD) });
  }
  await settle(link.peer);
  assert.deepEqual(link.peer.waiting("CREDIT"), []);
  const reader = stream.readable.getReader();
  let taken = 0;
  let granted = 0;
  while (taken < WINDOW) {
    taken += (await reader.read()).value?.length ?? 0;
    await settle(link.peer);
    while (link.peer.waiting("CREDIT").length > 0) granted += amount(await link.peer.next("CREDIT"));
    assert(granted <= taken && granted > taken - MAX_PAYLOAD, `${granted} granted, ${taken} taken`);
  }
});

Deno.test("a stream without a reader does not stall others", async () => {
  await using link = await connect();
  const stalled = await link.channel.openStream("postgres");
  for (let turn = 0; turn < 4; turn += 1) {
    await link.peer.send({ type: "DATA", id: 1, payload: new Uint8Array(MAX_PAYLOAD) });
  }
  const total = 4_000_000;
  const flowing = await link.channel.openStream("postgres");
  const [bytes] = await within(
    Promise.all([
      new Response(flowing.readable).bytes(),
      sendAll(link.peer, 3, total).then(() => link.peer.send({ type: "END", id: 3 })),
    ]),
    "the other stream",
  );
  assert.equal(bytes.length, total);
  assert.equal(bytes[total - 1], Math.floor((total - 1) / MAX_PAYLOAD));
  const result = link.channel.request("a", {}, { deadlineMs: 5000 });
  await link.peer.event(1, { type: "reply", result: 1 }, (await link.peer.next("REQUEST")).id);
  assert.equal(await result, 1);
  assert.equal((await stalled.readable.getReader().read()).value?.length, MAX_PAYLOAD);
});

Deno.test("a writer without credit does not stall other streams or requests", async () => {
  await using link = await connect();
  const [stalled, flowing] = [await link.channel.openStream("a"), await link.channel.openStream("b")];
  const failed = assert.rejects(
    stalled.writable.getWriter().write(new Uint8Array(WINDOW + 1)),
    isError("channel_failed"),
  );
  const writer = flowing.writable.getWriter();
  const written = writer.write(new Uint8Array(1_000_000)).then(() => writer.close());
  await link.peer.send({ type: "CREDIT", id: 3, payload: credit(1_000_000) });
  let got = 0;
  while (got < 1_000_000) {
    const frame = await link.peer.next("DATA");
    if (frame.id === 3) got += frame.payload.length;
  }
  await within(written, "the other stream");
  const result = link.channel.request("a", {}, { deadlineMs: 5000 });
  await link.peer.event(1, { type: "reply", result: 1 }, (await link.peer.next("REQUEST")).id);
  assert.equal(await result, 1);
  link.channel.close();
  await failed;
});

Deno.test("96 streams carry their bytes concurrently", async () => {
  await using link = await connect({
    services: { echo: (stream) => void stream.readable.pipeTo(stream.writable) },
  });
  const ids = Array.from({ length: 96 }, (_, at) => 2 * at + 2);
  for (const id of ids) await link.peer.send({ type: "OPEN", id, payload: json({ service: "echo" }) });
  for (const id of ids) {
    await link.peer.send({ type: "DATA", id, payload: new Uint8Array(id * 100).fill(id) });
    await link.peer.send({ type: "END", id });
  }
  const got = new Map<number, number>();
  for (const _ of ids) {
    const end = await link.peer.next("END");
    got.set(end.id, 0);
  }
  for (const { id, payload } of link.peer.waiting("DATA")) {
    assert(payload.every((byte) => byte === id));
    got.set(id, (got.get(id) ?? 0) + payload.length);
  }
  assert.deepEqual(got, new Map(ids.map((id) => [id, id * 100])));
});

Deno.test("the 97th OPEN and an unknown service are reset; closing a stream makes room", async () => {
  const streams: ByteStream[] = [];
  await using link = await connect({ services: { sink: (stream) => streams.push(stream) } });
  for (let id = 2; id <= 194; id += 2) {
    await link.peer.send({ type: "OPEN", id, payload: json({ service: "sink" }) });
  }
  const refused = await link.peer.next("RESET");
  assert.deepEqual([refused.id, streams.length], [194, 96]);
  await link.peer.send({ type: "RESET", id: 2 });
  await link.peer.send({ type: "OPEN", id: 196, payload: json({ service: "sink" }) });
  await link.peer.send({ type: "OPEN", id: 198, payload: json({ service: "toString" }) });
  const unknown = await link.peer.next("RESET");
  assert.deepEqual([unknown.id, new TextDecoder().decode(unknown.payload)], [
    198,
    "unknown service",
  ]);
  assert.equal(streams.length, 97);
});

Deno.test("openStream() refuses more than 96 and an aborted signal", async () => {
  await using link = await connect();
  const streams: ByteStream[] = [];
  for (let turn = 0; turn < 96; turn += 1) streams.push(await link.channel.openStream("postgres"));
  await assert.rejects(link.channel.openStream("postgres"), isError("capacity"));
  await streams[0]?.writable.abort();
  await link.channel.openStream("postgres");
  await assert.rejects(link.channel.openStream("postgres", AbortSignal.abort()), isError("cancelled"));
});

Deno.test("a service that throws resets only its stream", async () => {
  await using link = await connect({
    services: {
      broken: () => {
        throw new Error("secret");
      },
    },
  });
  await link.peer.send({ type: "OPEN", id: 2, payload: json({ service: "broken" }) });
  const reset = await link.peer.next("RESET");
  assert.equal(new TextDecoder().decode(reset.payload), "the service failed");
  await settle(link.peer);
});

Deno.test("RESET of the agent fails both halves with its reason, without control characters", async () => {
  await using link = await connect();
  const stream = await link.channel.openStream("postgres");
  const reading = assert.rejects(stream.readable.getReader().read(), isReset(/no server\ufffd\[31m/));
  const writing = assert.rejects(
    stream.writable.getWriter().write(new Uint8Array(WINDOW + 1)),
    isReset(/no server/),
  );
  await link.peer.send({ type: "RESET", id: 1, payload: new TextEncoder().encode("no server\x1b[31m") });
  await reading;
  await writing;
  assert.deepEqual(link.peer.waiting("RESET"), []);
});

Deno.test("RESET after END leaves the data before it readable", async () => {
  await using link = await connect();
  const stream = await link.channel.openStream("postgres");
  await link.peer.send({ type: "DATA", id: 1, payload: Uint8Array.of(1) });
  await link.peer.send({ type: "END", id: 1 });
  await link.peer.send({ type: "RESET", id: 1 });
  await settle(link.peer);
  assert.equal((await new Response(stream.readable).bytes()).toHex(), "01");
  await assert.rejects(stream.writable.getWriter().write(Uint8Array.of(1)), isReset(/reset/));
});

Deno.test("writable.abort() resets the stream at once, even while a write waits for credit", async () => {
  await using link = await connect();
  const stream = await link.channel.openStream("postgres");
  const reading = assert.rejects(stream.readable.getReader().read(), isReset(/the writer was aborted/));
  const writer = stream.writable.getWriter();
  const writing = assert.rejects(writer.write(new Uint8Array(WINDOW + 1)));
  for (let got = 0; got < WINDOW;) got += (await link.peer.next("DATA")).payload.length;
  await within(writer.abort("enough"), "the abort");
  await writing;
  await reading;
  assert.equal(new TextDecoder().decode((await link.peer.next("RESET")).payload), "the writer was aborted");
});

Deno.test("writable.abort() does not wait for a stalled transport", async () => {
  await using link = await connect();
  link.peer.pause();
  const stream = await link.channel.openStream("postgres");
  const writer = stream.writable.getWriter();
  const writing = assert.rejects(writer.write(new Uint8Array(200_000)));
  await within(writer.abort("enough"), "the abort");
  await writing;
});

Deno.test("after readable.cancel() a stream discards data and grants credit, and is reset when its other half closes", async () => {
  await using link = await connect();
  const stream = await link.channel.openStream("postgres");
  await link.peer.send({ type: "DATA", id: 1, payload: new Uint8Array(MAX_PAYLOAD) });
  await settle(link.peer);
  await stream.readable.cancel();
  await within(sendAllAfter(link.peer, MAX_PAYLOAD), "the discarding");
  const writer = stream.writable.getWriter();
  await writer.write(Uint8Array.of(5));
  assert.equal((await link.peer.next("DATA")).payload.toHex(), "05");
  await writer.close();
  await link.peer.next("END");
  await link.peer.next("RESET");
});

async function sendAllAfter(peer: AgentPeer, sent: number): Promise<void> {
  let left = WINDOW - sent;
  for (let turn = 0; turn < 20; turn += 1) {
    while (left < MAX_PAYLOAD) left += amount(await peer.next("CREDIT"));
    await peer.send({ type: "DATA", id: 1, payload: new Uint8Array(MAX_PAYLOAD) });
    left -= MAX_PAYLOAD;
  }
}

Deno.test("data beyond the credit ends the channel", async () => {
  await using link = await connect();
  const stream = await link.channel.openStream("postgres");
  const reader = stream.readable.getReader();
  const read = reader.read();
  await link.peer.send({ type: "DATA", id: 1, payload: new Uint8Array(100) });
  await read;
  const failed = assert.rejects(reader.closed, isError("channel_failed"));
  for (let turn = 0; turn < 4; turn += 1) {
    await link.peer.send({ type: "DATA", id: 1, payload: new Uint8Array(MAX_PAYLOAD) });
  }
  assert.match((await within(link.channel.closed, "the end")).reason, /at most 65436 bytes of credit/);
  await failed;
});

Deno.test("data after END, and credit beyond 2^31-1, end the channel", async () => {
  for (
    const [frames, reason] of [
      [[{ type: "END", id: 1 }, { type: "DATA", id: 1, payload: new Uint8Array(1) }], /after END/],
      [[{ type: "CREDIT", id: 1, payload: credit(2 ** 31 - 1) }], /at most 2147483647 bytes/],
    ] as const
  ) {
    await using link = await connect();
    await link.channel.openStream("postgres");
    for (const frame of frames) await link.peer.send(frame);
    assert.match((await within(link.channel.closed, "the end")).reason, reason);
  }
});

Deno.test("a chunk that is not a Uint8Array resets the stream", async () => {
  await using link = await connect();
  const stream = await link.channel.openStream("postgres");
  const writer: WritableStreamDefaultWriter<unknown> = stream.writable.getWriter();
  await assert.rejects(writer.write("text"), TypeError);
  assert.equal((await link.peer.next("RESET")).id, 1);
});

Deno.test("MAGIC occurs in the output only at the attach, and not across a header and its payload", async () => {
  const peer = new AgentPeer();
  const sent: Uint8Array[] = [];
  const tap = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      sent.push(chunk.slice());
      controller.enqueue(chunk);
    },
  });
  const tapped = tap.readable.pipeTo(peer.transport.writable).catch(() => {});
  const transport = { readable: peer.transport.readable, writable: tap.writable };
  const [channel] = await Promise.all([Channel.open(transport), peer.greet()]);
  const stream = await channel.openStream("postgres");
  const written = [[63_995, 2], [0xf9, 1], [0xfff9, 1]].map(([length, start]) => {
    const bytes = new Uint8Array(length ?? 0);
    bytes.set(MAGIC.subarray(start));
    return bytes;
  });
  await ReadableStream.from(written).pipeTo(stream.writable);
  await peer.next("END");
  channel.close("the test is over");
  await within(Promise.all([tapped, peer.dropped]), "the end of the transport");
  assert.equal(
    concat(peer.waiting("DATA").map((frame) => frame.payload)).toHex(),
    concat(written).toHex(),
  );
  const search = new ByteSearch(MAGIC);
  const output = concat(sent);
  assert.equal(search.find(output), 0);
  assert.equal(search.find(output, 1), -1);
});

Deno.test("written bytes arrive complete, and no frame contains MAGIC", async () => {
  const chunk = fc.array(fc.oneof(fc.constant(MAGIC), fc.uint8Array({ maxLength: 30 })), { maxLength: 8 })
    .map(concat);
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { maxLength: 6 }), async (chunks) => {
      await using link = await connect();
      const stream = await link.channel.openStream("postgres");
      const source = ReadableStream.from(chunks.map((bytes) => bytes.slice()));
      await source.pipeTo(stream.writable);
      await link.peer.next("END");
      const payloads = link.peer.waiting("DATA").map((frame) => frame.payload);
      assert.equal(concat(payloads).toHex(), concat(chunks).toHex());
      assert(payloads.every((payload) => !payload.toHex().includes(MAGIC.toHex())));
    }),
    { numRuns: repetitions(30) },
  );
});
