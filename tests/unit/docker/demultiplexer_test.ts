import assert from "node:assert/strict";
import fc from "fast-check";
import { Demultiplexer } from "../../../src/docker/demultiplexer.ts";
import { concatBytes } from "../../../src/lib/bytes.ts";

interface Frame {
  readonly stream: number;
  readonly payload: Uint8Array;
}

function encode(frames: readonly Frame[]): Uint8Array {
  const parts = frames.map(({ stream, payload }) => {
    const bytes = new Uint8Array(8 + payload.byteLength);
    bytes[0] = stream;
    new DataView(bytes.buffer).setUint32(4, payload.byteLength);
    bytes.set(payload, 8);
    return bytes;
  });
  return concatBytes(parts);
}

function demultiplex(bytes: Uint8Array, cuts: readonly number[]): Record<"stdout" | "stderr", Uint8Array> {
  const demultiplexer = new Demultiplexer();
  const found = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  const ends = [...cuts.map((cut) => cut % (bytes.byteLength + 1)), bytes.byteLength].sort((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    for (const piece of demultiplexer.push(bytes.subarray(start, end))) found[piece.stream].push(piece.bytes);
    start = end;
  }
  demultiplexer.end();
  return { stdout: concatBytes(found.stdout), stderr: concatBytes(found.stderr) };
}

const frameArbitrary = fc.record({
  stream: fc.constantFrom(1, 2),
  payload: fc.uint8Array({ maxLength: 40 }),
});

Deno.test("Demultiplexer passes each output its bytes in order, from chunks that are cut anywhere", () => {
  fc.assert(
    fc.property(
      fc.array(frameArbitrary, { maxLength: 20 }),
      fc.array(fc.nat(), { maxLength: 60 }),
      (frames, cuts) => {
        const found = demultiplex(encode(frames), cuts);
        for (const [stream, name] of [[1, "stdout"], [2, "stderr"]] as const) {
          const expected = concatBytes(
            frames.filter((frame) => frame.stream === stream).map((frame) => frame.payload),
          );
          assert.deepEqual(found[name], expected);
        }
      },
    ),
  );
});

Deno.test("Demultiplexer works byte by byte", () => {
  const bytes = encode([{ stream: 2, payload: new Uint8Array([7]) }, {
    stream: 1,
    payload: new Uint8Array([8, 9]),
  }]);
  const found = demultiplex(bytes, [...bytes.keys()]);
  assert.deepEqual([...found.stdout, ...found.stderr], [8, 9, 7]);
});

Deno.test("Demultiplexer throws only its own error on any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        demultiplex(bytes, []);
      } catch (error) {
        assert.ok(error instanceof Error);
        assert.match(error.message, /^Cannot read a container's output: /);
      }
    }),
  );
});

Deno.test("Demultiplexer refuses unknown streams and invalid headers", () => {
  for (const header of [[0, 0, 0, 0, 0, 0, 0, 1], [9, 0, 0, 0, 0, 0, 0, 1], [1, 0, 1, 0, 0, 0, 0, 1]]) {
    assert.throws(() => [...new Demultiplexer().push(new Uint8Array(header))], { code: "engine_failed" });
  }
});

Deno.test("Demultiplexer allocates nothing for the length that a header announces", () => {
  const demultiplexer = new Demultiplexer();
  const pieces = [...demultiplexer.push(new Uint8Array([1, 0, 0, 0, 255, 255, 255, 255, 42]))];
  assert.deepEqual(pieces.map((piece) => [...piece.bytes]), [[42]]);
  assert.throws(() => demultiplexer.end(), /4294967294 bytes of payload are missing/);
});

Deno.test("Demultiplexer throws the error that the engine sends in the stream", () => {
  const payload = new TextEncoder().encode("the log driver is gone");
  assert.throws(
    () => [...new Demultiplexer().push(encode([{ stream: 3, payload }]))],
    /the log driver is gone/,
  );
});
