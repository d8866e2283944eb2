/** The channel with a scripted agent. Longer than 300 lines: every test needs the peer and the helpers at the top. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  encodeFrame,
  encodeMessage,
  type FrameType,
  type OutgoingFrame,
} from "../../../src/agent_protocol/frame.ts";
import { Channel, type ChannelEvent, ReplyError } from "../../../src/agent_protocol/mod.ts";
import { MAX_MESSAGE } from "../../../src/agent_protocol/message_assembler.ts";
import { type ErrorCode, OmcpError } from "../../../src/errors.ts";
import { AgentPeer, connect, fromJson, HELLO, json, within } from "./agent_peer.ts";
import { repetitions } from "../../fixtures/load.ts";

function isError(code: ErrorCode, text: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof OmcpError, `not an OmcpError: ${error}`);
    assert.equal(error.code, code);
    assert.match(`${error.message}. ${error.state ?? ""}`, text);
    return true;
  };
}

Deno.test("Channel.open() discards everything before its nonce", async () => {
  const peer = new AgentPeer();
  const forged = encodeFrame({ type: "HELLO", payload: json({ forged: true }) });
  const [channel] = await Promise.all([Channel.open(peer.transport), peer.greet(HELLO, forged)]);
  assert.deepEqual(channel.hello, HELLO);
  channel.close();
  await within(peer.dropped, "drop");
});

Deno.test("Channel.open() sends a fresh nonce each time", async () => {
  const nonces = new Set<string>();
  for (let turn = 0; turn < 3; turn += 1) {
    await using link = await connect();
    nonces.add((await link.peer.nonce).toHex());
  }
  assert.equal(nonces.size, 3);
});

Deno.test("Channel.open() fails when the first 1 MiB does not contain the nonce", async () => {
  const peer = new AgentPeer();
  const opening = Channel.open(peer.transport);
  const rejected = assert.rejects(
    opening,
    isError("channel_failed", /1048576 bytes arrived without the nonce/),
  );
  for (let sent = 0; sent < 17; sent += 1) await peer.write(new Uint8Array(65536));
  await within(rejected, "refusal");
  await within(peer.dropped, "drop");
});

Deno.test("Channel.open() refuses an agent with another version", async () => {
  for (const other of [{ protocol: HELLO.protocol + 1 }, { agent: `${HELLO.agent}.1` }]) {
    const peer = new AgentPeer();
    await Promise.all([
      assert.rejects(
        Channel.open(peer.transport),
        isError("agent_incompatible", /agent has version .* this server has/),
      ),
      peer.greet({ ...HELLO, ...other }),
    ]);
    await within(peer.dropped, "drop");
  }
});

Deno.test("Channel.open() times out without a hello, and closes the transport", async () => {
  const peer = new AgentPeer();
  await assert.rejects(
    Channel.open(peer.transport, { helloDeadlineMs: 20 }),
    isError("timeout", /The agent sent no hello within 20 ms/),
  );
  await within(peer.dropped, "drop");
});

Deno.test("Channel.open() fails when the output ends, is aborted or begins with another frame", async () => {
  const silent = new AgentPeer();
  const ended = assert.rejects(
    Channel.open(silent.transport),
    isError("channel_failed", /container's output ended/),
  );
  await silent.hangUp();
  await ended;

  const aborted = new AgentPeer();
  const abort = new AbortController();
  const cancelled = assert.rejects(
    Channel.open(aborted.transport, { signal: abort.signal }),
    isError("cancelled", /cancelled/),
  );
  abort.abort();
  await cancelled;
  await within(aborted.dropped, "drop");

  const rude = new AgentPeer();
  const refused = assert.rejects(
    Channel.open(rude.transport),
    isError("channel_failed", /only it, must be HELLO; received EVENT/),
  );
  await rude.write(await rude.nonce);
  await rude.event(1, { type: "x" });
  await refused;
});

Deno.test("Channel.open() ignores an abort of its signal once the channel is open", async () => {
  const abort = new AbortController();
  await using link = await connect({ signal: abort.signal });
  abort.abort();
  await link.peer.send({ type: "PING", payload: new Uint8Array(8) });
  await link.peer.next("PONG");
});

Deno.test("Channel.request() delivers the events, then resolves with the reply's result", async () => {
  await using link = await connect();
  const events: ChannelEvent[] = [];
  const options = { deadlineMs: 5000, onEvent: (event: ChannelEvent) => events.push(event) };
  const result = link.channel.request("execute", { code: "1" }, options);
  const request = await link.peer.next("REQUEST");
  assert.deepEqual(fromJson(request), { method: "execute", params: { code: "1" } });
  await link.peer.event(1, { type: "stream", text: "é" }, request.id);
  await link.peer.event(2, { type: "other" }, request.id + 1);
  await link.peer.event(3, { type: "reply", result: [1, null] }, request.id);
  await link.peer.event(4, { type: "stream", text: "late" }, request.id);
  assert.deepEqual(await result, [1, null]);
  assert.deepEqual(events, [{ type: "stream", text: "é" }]);
});

Deno.test("Channel.request() rejects with a ReplyError when the agent replies with an error", async () => {
  await using link = await connect();
  const result = link.channel.request("execute", {}, { deadlineMs: 5000 });
  const { id } = await link.peer.next("REQUEST");
  await link.peer.event(1, { type: "reply", error: { code: "busy", message: "A cell runs" } }, id);
  await assert.rejects(result, (error) => {
    assert(error instanceof ReplyError);
    assert.deepEqual([error.code, error.message], ["busy", "A cell runs"]);
    return true;
  });
});

Deno.test("Channel.request() sends a large request in parts, with other frames between them", async () => {
  await using link = await connect();
  link.peer.pause();
  const code = "é".repeat(1_500_000);
  const large = link.channel.request("large", { code }, { deadlineMs: 60_000 });
  const small = link.channel.request("small", {}, { deadlineMs: 60_000 });
  link.peer.resume();
  const parts: Uint8Array[] = [];
  const others: unknown[] = [];
  for (let more = true; more;) {
    const frame = await link.peer.next("REQUEST");
    if (frame.more || parts.length > 1) {
      parts.push(frame.payload);
      more = frame.more;
    } else others.push(fromJson(frame));
  }
  assert.deepEqual(others, [{ method: "small", params: {} }]);
  assert.deepEqual(await new Blob(parts.map((part) => part.slice())).text().then(JSON.parse), {
    method: "large",
    params: { code },
  });
  link.channel.close();
  await assert.rejects(large, isError("channel_failed", /unknown whether/));
  await assert.rejects(small, isError("channel_failed", /unknown whether/));
});

Deno.test("Channel.request() rejects at its deadline and drops the late reply", async () => {
  await using link = await connect();
  const result = link.channel.request("slow", {}, { deadlineMs: 30 });
  const { id } = await link.peer.next("REQUEST");
  await assert.rejects(
    result,
    isError("timeout", /slow timed out after 30 ms. It is unknown whether/),
  );
  await link.peer.event(1, { type: "reply", result: 1 }, id);
  await link.peer.send({ type: "PING", payload: new Uint8Array(8) });
  await link.peer.next("PONG");
});

Deno.test("Channel.request() reports whether an aborted request was sent", async () => {
  await using link = await connect();
  const after = new AbortController();
  const sent = link.channel.request("a", {}, { deadlineMs: 5000, signal: after.signal });
  await link.peer.next("REQUEST");
  after.abort();
  await assert.rejects(sent, isError("cancelled", /It is unknown whether/));

  const before = new AbortController();
  const unsent = link.channel.request("b", {}, { deadlineMs: 5000, signal: before.signal });
  before.abort();
  await assert.rejects(unsent, isError("cancelled", /was not sent: it did not run/));
  await assert.rejects(
    link.channel.request("c", {}, { deadlineMs: 5000, signal: before.signal }),
    isError("cancelled", /did not run/),
  );
  const last = link.channel.request("d", {}, { deadlineMs: 5000 });
  const request = await link.peer.next("REQUEST");
  assert.deepEqual(fromJson(request), { method: "d", params: {} });
  await link.peer.event(1, { type: "reply", result: null }, request.id);
  assert.equal(await last, null);
});

Deno.test("Channel.request() rejects what it cannot send", async () => {
  await using link = await connect();
  const { channel } = link;
  for (const deadlineMs of [0, -1, NaN, Infinity, 2 ** 31]) {
    await assert.rejects(channel.request("a", {}, { deadlineMs }), isError("invalid_argument", /deadline/));
  }
  const code = "x".repeat(8 * 1024 * 1024);
  await assert.rejects(
    channel.request("a", { code }, { deadlineMs: 5 }),
    isError("invalid_argument", /at most 8388608/),
  );
});

Deno.test("Channel.request() rejects with an error of its event handler, and the channel stays open", async () => {
  await using link = await connect();
  const onEvent = (): void => {
    throw new RangeError("not mine");
  };
  const result = link.channel.request("a", {}, { deadlineMs: 5000, onEvent });
  const rejected = assert.rejects(result, RangeError);
  const { id } = await link.peer.next("REQUEST");
  await link.peer.event(1, { type: "x" }, id);
  await rejected;
  await link.peer.send({ type: "PING", payload: new Uint8Array(8) });
  await link.peer.next("PONG");
});

Deno.test("Channel drops duplicate events and acknowledges all received events", async () => {
  const seen: unknown[] = [];
  await using link = await connect({ afterSeq: 4, onEvent: (event) => seen.push(event.number) });
  for (const seq of [3, 4, 5, 6, 5, 6, 7]) await link.peer.event(seq, { type: "x", number: seq });
  let acknowledged = 0;
  while (acknowledged < 7) acknowledged = (await link.peer.next("ACK")).seq;
  assert.equal(acknowledged, 7);
  assert.equal(link.channel.lastSeq, 7);
  assert.deepEqual(seen, [5, 6, 7]);
});

Deno.test("Channel does not acknowledge an event while an earlier one is incomplete", async () => {
  const seen: unknown[] = [];
  await using link = await connect({ onEvent: (event) => seen.push(event.type) });
  const first = json({ type: "first" });
  await link.peer.send({ type: "EVENT", seq: 1, id: 0, more: true, payload: first.subarray(0, 3) });
  await link.peer.event(2, { type: "second" }, 99);
  assert.equal((await link.peer.next("ACK")).seq, 0);
  await link.peer.send({ type: "EVENT", seq: 1, id: 0, payload: first.subarray(3) });
  assert.equal((await link.peer.next("ACK")).seq, 2);
  assert.deepEqual(seen, ["first"]);
});

Deno.test("Channel sends one ACK for a burst of events", async () => {
  await using link = await connect();
  const burst = Array.from({ length: 1000 }, (_, at) => ({ seq: at + 1, value: { type: "x" } }));
  for (const { seq, value } of burst) await link.peer.event(seq, value);
  let count = 0;
  for (let acknowledged = 0; acknowledged < 1000; count += 1) {
    acknowledged = (await link.peer.next("ACK")).seq;
  }
  assert(count <= 1000 / 16, `${count} ACKs`);
});

Deno.test("Channel answers PING, sends PING, and ends when the agent does not respond", async () => {
  await using link = await connect({ heartbeatMs: 20, lostAfterMs: 60 });
  await link.peer.send({ type: "PING", payload: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
  assert.equal((await link.peer.next("PONG")).payload.toHex(), "0102030405060708");
  for (let turn = 0; turn < 4; turn += 1) {
    const ping = await link.peer.next("PING");
    await link.peer.send({ type: "PONG", payload: ping.payload });
  }
  const { reason } = await within(link.channel.closed, "the loss");
  assert.match(reason, /agent did not respond for \d+ ms/);
});

Deno.test("Channel does not declare the agent lost after a pause of the server", async () => {
  await using link = await connect({ heartbeatMs: 20, lostAfterMs: 60 });
  const ping = await link.peer.next("PING");
  const pong = link.peer.send({ type: "PONG", payload: ping.payload });
  // Blocks this process, as SIGSTOP would.
  for (const end = performance.now() + 200; performance.now() < end;);
  await pong;
  const next = await link.peer.next("PING");
  await link.peer.send({ type: "PONG", payload: next.payload });
  await link.peer.next("PING");
});

Deno.test("Channel.close() rejects requests, fails streams and closes the transport, once", async () => {
  const { channel, peer } = await connect();
  const result = channel.request("a", {}, { deadlineMs: 5000 });
  const stream = await channel.openStream("postgres");
  const reading = stream.readable.getReader().read();
  const rejected = [
    assert.rejects(result, isError("channel_failed", /because/)),
    assert.rejects(reading, isError("channel_failed", /because/)),
  ];
  channel.close("because");
  channel.close("again");
  await Promise.all(rejected);
  assert.deepEqual(await channel.closed, { reason: "because" });
  await assert.rejects(
    stream.writable.getWriter().write(new Uint8Array(1)),
    isError("channel_failed", /because/),
  );
  await assert.rejects(
    channel.request("b", {}, { deadlineMs: 5 }),
    isError("channel_failed", /did not run/),
  );
  await assert.rejects(channel.openStream("postgres"), isError("channel_failed", /because/));
  await within(peer.dropped, "drop");
});

Deno.test("Channel ends when the container's output ends", async () => {
  await using link = await connect();
  const result = link.channel.request("a", {}, { deadlineMs: 5000 });
  const rejected = assert.rejects(result, isError("channel_failed", /output ended/));
  await link.peer.hangUp();
  await rejected;
  assert.deepEqual(await link.channel.closed, { reason: "The container's output ended" });
});

Deno.test("Channel ends when the agent does not read answers, before it queues many", async () => {
  await using link = await connect();
  link.peer.pause();
  const ping = encodeFrame({ type: "PING", payload: new Uint8Array(8) });
  const flood = new Uint8Array(ping.length * 1000);
  for (let at = 0; at < flood.length; at += ping.length) flood.set(ping, at);
  for (let turn = 0; turn < 10; turn += 1) await link.peer.write(flood);
  const { reason } = await within(link.channel.closed, "the end");
  assert.match(reason, /The agent does not read: \d+ control frames are waiting/);
});

const breaches: readonly (readonly [string, readonly OutgoingFrame[], RegExp])[] = [
  ["a second hello", [{ type: "HELLO", payload: json({}) }], /only it, must be HELLO/],
  ["an event that is not JSON", [{ type: "EVENT", seq: 1, payload: new Uint8Array(2) }], /not JSON/],
  [
    "an invalid reply",
    [{ type: "EVENT", seq: 1, id: 9, payload: json({ type: "reply" }) }],
    /invalid JSON value/,
  ],
  [
    "a reply without a request",
    [{ type: "EVENT", seq: 1, payload: json({ type: "reply", result: 1 }) }],
    /id 0 is not a request/,
  ],
  ["a gap in the events' numbers", [
    { type: "EVENT", seq: 1, payload: json({ type: "x" }) },
    { type: "EVENT", seq: 3, payload: json({ type: "x" }) },
  ], /must be 2; received 3/],
  [
    "data on an agent's stream that was never opened",
    [{ type: "DATA", id: 2, payload: new Uint8Array(1) }],
    /never opened/,
  ],
  [
    "data on a server's stream that was never opened",
    [{ type: "DATA", id: 1, payload: new Uint8Array(1) }],
    /never opened/,
  ],
  ["an id used twice", [
    { type: "OPEN", id: 2, payload: json({ service: "none" }) },
    { type: "OPEN", id: 2, payload: json({ service: "none" }) },
  ], /ids must increase/],
  ["an OPEN without a service", [{ type: "OPEN", id: 2, payload: json({}) }], /service/],
];
for (const [name, frames, reason] of breaches) {
  Deno.test(`Channel ends at a protocol error: ${name}`, async () => {
    await using link = await connect();
    const result = link.channel.request("a", {}, { deadlineMs: 5000 });
    const rejected = assert.rejects(result, isError("channel_failed", /violated the protocol/));
    for (const frame of frames) await link.peer.send(frame);
    await rejected;
    assert.match((await link.channel.closed).reason, reason);
  });
}

Deno.test("Channel settles every promise when it reads hostile bytes", async () => {
  const frame = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.record({
      type: fc.constantFrom<FrameType>(
        "OPEN",
        "DATA",
        "CREDIT",
        "END",
        "RESET",
        "EVENT",
        "PING",
        "PONG",
        "HELLO",
      ),
      id: fc.nat(6),
      seq: fc.nat(3),
      payload: fc.oneof(
        fc.uint8Array({ maxLength: 8 }),
        fc.constantFrom({ service: "echo" }, { type: "reply", result: 1 }, { type: "x" }, []).map(json),
      ),
    }).map(encodeFrame),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { maxLength: 12 }), async (frames) => {
      await using link = await connect({ services: { echo: (stream) => void stream.readable.cancel() } });
      const result = link.channel.request("a", {}, { deadlineMs: 5000 }).catch(() => "rejected");
      const stream = await link.channel.openStream("postgres");
      const text = new Response(stream.readable).bytes().catch(() => "failed");
      for (const bytes of frames) await link.peer.write(bytes);
      link.channel.close();
      await within(Promise.all([result, text, link.channel.closed]), "the end");
    }),
    { numRuns: repetitions(60) },
  );
});

Deno.test("Channel accepts an event of 256 KiB in parts", async () => {
  const { promise, resolve } = Promise.withResolvers<ChannelEvent>();
  await using link = await connect({ onEvent: resolve });
  const text = "x".repeat(MAX_MESSAGE - 24);
  for (const frame of encodeMessage({ type: "EVENT", seq: 1, payload: json({ type: "x", text }) })) {
    await link.peer.write(frame);
  }
  assert.equal((await within(promise, "the event")).text, text);
  assert.equal((await link.peer.next("ACK")).seq, 1);
});
