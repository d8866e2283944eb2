import assert from "node:assert/strict";
import fc from "fast-check";
import { bootBytes, fromSource } from "../../../src/agent_protocol/boot.ts";
import { sandboxBootConfig } from "../../../src/agent_protocol/messages/mod.ts";
import { ReceiveWindow } from "../../../src/agent_protocol/receive_window.ts";
import { type Frame, MAX_PAYLOAD } from "../../../src/agent_protocol/frame.ts";
import { MAX_MESSAGE, MessageAssembler } from "../../../src/agent_protocol/message_assembler.ts";
import { ReceiveQueue } from "../../../src/agent_protocol/receive_queue.ts";
import { ProtocolError } from "../../../src/agent_protocol/protocol_error.ts";
import { OmcpError } from "../../../src/errors.ts";
import { concat } from "./vectors.ts";
import { repetitions } from "../../fixtures/load.ts";

function event(id: number, payload: Uint8Array, more = true): Frame {
  return { type: "EVENT", more, id, seq: id + 1, payload };
}

function violates(kind: string): (error: unknown) => boolean {
  return (error) => error instanceof ProtocolError && error.kind === kind;
}

Deno.test("MessageAssembler.push() bounds the bytes of all incomplete messages", () => {
  const assembler = new MessageAssembler();
  const part = new Uint8Array(MAX_PAYLOAD);
  let taken = 0;
  assert.throws(() => {
    for (let turn = 0; turn < 1000; turn += 1) {
      assembler.push(event(turn % 60, part));
      taken += part.length;
    }
  }, violates("message_too_long"));
  assert.equal(taken, 60 * 4 * MAX_PAYLOAD);
});

Deno.test("MessageAssembler.push() bounds the number of incomplete messages, including empty ones", () => {
  const assembler = new MessageAssembler();
  for (let id = 0; id < 64; id += 1) assembler.push(event(id, new Uint8Array(0)));
  assert.throws(() => assembler.push(event(64, new Uint8Array(0))), violates("too_many_messages"));
});

Deno.test("MessageAssembler.push() does not count the bytes of complete messages", () => {
  const assembler = new MessageAssembler();
  const part = new Uint8Array(MAX_PAYLOAD);
  for (let round = 0; round < 4; round += 1) {
    for (let turn = 0; turn < 3; turn += 1) assert.equal(assembler.push(event(1, part)), undefined);
    assert.equal(assembler.push(event(1, part, false))?.length, MAX_MESSAGE);
  }
});

Deno.test("ReceiveWindow tracks complete events in any order", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.array(fc.nat(1000), { maxLength: 40 }),
      (first, order) => {
        const received = new ReceiveWindow();
        const all = order.map((_, at) => first + at);
        for (const seq of all) received.begin(seq);
        const shuffled = all.map((seq, at) => [order[at] ?? 0, seq] as const).sort(([a], [b]) => a - b);
        const whole = new Set<number>();
        for (const [, seq] of shuffled) {
          assert.equal(received.complete(seq), true);
          assert.equal(received.complete(seq), false);
          whole.add(seq);
          let highest = first - 1;
          while (whole.has(highest + 1)) highest += 1;
          assert.equal(received.acknowledged, highest);
        }
      },
    ),
  );
});

Deno.test("ReceiveWindow.complete() bounds how many events may overtake one", () => {
  const received = new ReceiveWindow();
  received.begin(1);
  assert.throws(() => {
    for (let seq = 2; seq < 10_000; seq += 1) {
      received.begin(seq);
      received.complete(seq);
    }
  }, violates("bad_seq"));
});

Deno.test("ReceiveQueue returns its bytes in order", () => {
  const lengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40_000 })), {
    maxLength: 30,
  });
  fc.assert(
    fc.property(lengths, fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }), (given, takes) => {
      const queue = new ReceiveQueue();
      const pushed: Uint8Array[] = [];
      const taken: Uint8Array[] = [];
      given.forEach((length, turn) => {
        const payload = new Uint8Array(length).fill(turn + 1);
        pushed.push(payload);
        queue.push(payload);
        const chunk = takes[turn % takes.length] === true ? queue.shift() : undefined;
        if (chunk !== undefined) taken.push(chunk);
      });
      for (let chunk = queue.shift(); chunk !== undefined; chunk = queue.shift()) taken.push(chunk);
      assert(queue.isEmpty);
      assert.equal(concat(taken).toHex(), concat(pushed).toHex());
    }),
    { numRuns: repetitions(40) },
  );
});

Deno.test("ReceiveQueue holds at most about twice its bytes, even for small views on large buffers", () => {
  const queue = new ReceiveQueue();
  const total = 262_144;
  for (let left = total; left > 0;) {
    const length = Math.min(left, left % 3 === 0 ? 20_000 : 1);
    queue.push(new Uint8Array(65_536).subarray(0, length));
    left -= length;
  }
  const buffers = new Set<ArrayBufferLike>();
  for (let chunk = queue.shift(); chunk !== undefined; chunk = queue.shift()) buffers.add(chunk.buffer);
  const held = [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 0);
  assert(held <= 2 * total + 16_384, `${held} bytes are held`);
});

const CONFIG = sandboxBootConfig({ leaseSeconds: 60 });

Deno.test("bootBytes() writes length and JSON", () => {
  const bytes = bootBytes(
    { sources: { agent: "pass  # é" }, code: { other: "Y29kZQ==" }, magic: "aa" },
    CONFIG,
  );
  assert.equal(new DataView(bytes.buffer).getUint32(0), bytes.length - 4);
  assert.deepEqual(JSON.parse(new TextDecoder().decode(bytes.subarray(4))), {
    modules: { agent: "pass  # é" },
    code: { other: "Y29kZQ==" },
    magic: "aa",
    config: CONFIG,
  });
});

Deno.test("bootBytes() refuses a message that the loader would refuse", () => {
  assert.throws(
    () => bootBytes(fromSource({ agent: "x".repeat(8 * 1024 * 1024) }), CONFIG),
    (error) =>
      error instanceof OmcpError && error.code === "internal" && /at most 8388608/.test(error.message),
  );
});
