import assert from "node:assert/strict";
import { Canceller } from "../../../../src/postgres/broker/canceller.ts";
import { receiveStartup } from "../../../../src/postgres/broker/startup.ts";
import { ClientWriter } from "../../../../src/postgres/broker/client_writer.ts";
import { DEFAULT_LIMITS } from "../../../../src/postgres/broker/limits.ts";
import { ConnectionCount, SandboxConnections } from "../../../../src/postgres/broker/sandbox_connections.ts";
import type { UpstreamSession } from "../../../../src/postgres/upstream/mod.ts";
import { concatBytes } from "../../../../src/lib/bytes.ts";
import { ByteReader } from "../../../../src/lib/byte_reader.ts";
import { int32 } from "../../../../src/postgres/wire/message.ts";

const CANCEL_CODE = 80_877_102;
const SESSION: UpstreamSession = {
  reader: new ByteReader(new ReadableStream<Uint8Array>()),
  parameters: new Map(),
  key: { processId: 1, secret: new Uint8Array(4) },
  write: () => Promise.resolve(),
  close: function nothing() {},
};

/** A server that answers each cancel request when the test says so. */
class SlowUpstream {
  readonly waiting: (() => void)[] = [];

  cancel(): Promise<boolean> {
    return new Promise((resolve) => this.waiting.push(() => resolve(true)));
  }
}

Deno.test("cancels of one statement share a request, and a cancel of the next makes its own", async () => {
  const upstream = new SlowUpstream();
  const noted: number[] = [];
  const conversation = { answers: 1, cancelled: (answers: number) => void noted.push(answers) };
  const canceller = new Canceller(upstream, SESSION, conversation);
  await canceller.settled();
  const first = [canceller.cancel(), canceller.cancel()];
  assert.equal(upstream.waiting.length, 1);
  conversation.answers = 2;
  const second = [canceller.cancel(), canceller.cancel()];
  let settled = false;
  const over = canceller.settled().then(() => {
    settled = true;
  });
  assert.equal(upstream.waiting.length, 1, "the first is still on its way");
  upstream.waiting[0]?.();
  assert.deepEqual(await Promise.all(first), [true, true]);
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(upstream.waiting.length, 2);
  assert.equal(settled, false, "the second is on its way");
  upstream.waiting[1]?.();
  assert.deepEqual(await Promise.all(second), [true, true]);
  await over;
  assert.deepEqual(noted, [1, 2]);
});

Deno.test("a cancel that waited for an earlier one is not sent once its statement has ended", async () => {
  const upstream = new SlowUpstream();
  const conversation = { answers: 1, cancelled: function nothing() {} };
  const canceller = new Canceller(upstream, SESSION, conversation);
  void canceller.cancel();
  conversation.answers = 2;
  const late = canceller.cancel();
  conversation.answers = 3;
  upstream.waiting[0]?.();
  assert.equal(await late, true);
  assert.equal(upstream.waiting.length, 1);
});

Deno.test("the connection of a cancel request stays open until the server has got the cancel", async () => {
  const connections = new SandboxConnections(DEFAULT_LIMITS, new ConnectionCount(DEFAULT_LIMITS));
  const carriedOut = Promise.withResolvers<void>();
  const admission = connections.admit(() => carriedOut.promise);
  assert.ok("key" in admission);
  const { processId, secret } = admission.key;
  const request = concatBytes([int32(12 + secret.length, CANCEL_CODE, processId), secret]);
  let over = false;
  const greeting = receiveStartup({
    reader: new ByteReader(ReadableStream.from([request])),
    writer: new ClientWriter(new WritableStream<Uint8Array>()),
    connections,
    deadlineMs: 5_000,
  }).then((result) => {
    over = true;
    return result;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(over, false);
  carriedOut.resolve();
  assert.equal(await greeting, undefined);
});
