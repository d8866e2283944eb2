import assert from "node:assert/strict";
import fc from "fast-check";
import { concatBytes } from "../../../src/lib/bytes.ts";
import { ByteReader } from "../../../src/lib/byte_reader.ts";
import { repetitions } from "../../fixtures/load.ts";

const LINE_FEED = 10;

function readerOf(bytes: Uint8Array, cuts: readonly number[] = []): ByteReader {
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const chunks = edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
  return new ByteReader(ReadableStream.from(chunks));
}

Deno.test("readLine() and readExactly() give back what was sent, however it is cut", async () => {
  const line = fc.uint8Array({ maxLength: 50 }).map((bytes) => bytes.filter((byte) => byte !== LINE_FEED));
  const parts = fc.array(fc.tuple(line, fc.uint8Array({ minLength: 1, maxLength: 50 })), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(parts, fc.array(fc.nat(), { maxLength: 20 }), async (all, cuts) => {
      const sent = all.flatMap(([text, bytes]) => [text, Uint8Array.of(LINE_FEED), bytes]);
      const reader = readerOf(concatBytes(sent), cuts);
      for (const [text, bytes] of all) {
        assert.deepEqual(await reader.readLine(50), Uint8Array.from(text));
        assert.deepEqual(await reader.readExactly(bytes.length), Uint8Array.from(bytes));
      }
      assert.equal(await reader.readLine(50), "ended");
    }),
    { numRuns: repetitions(200) },
  );
});

Deno.test("readLine() gives no line that is too long or has no end", async () => {
  const bytes = Uint8Array.of(1, 2, 3, LINE_FEED, 4);
  for (const cuts of [[], [1, 2, 3]]) {
    assert.equal(await readerOf(bytes, cuts).readLine(2), "too_long");
    const reader = readerOf(bytes, cuts);
    assert.deepEqual(await reader.readLine(3), Uint8Array.of(1, 2, 3));
    assert.equal(await reader.readLine(3), "ended");
  }
});
