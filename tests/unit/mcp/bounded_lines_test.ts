import assert from "node:assert/strict";
import fc from "fast-check";
import { BoundedLines } from "../../../src/mcp/transports/bounded_lines.ts";
import { isRefusal, readMessage } from "../../../src/mcp/transports/read_message.ts";

/** The lines of a text that arrives in chunks; of a dropped line, its size and ids. */
function received(maximum: number, ...chunks: (string | Uint8Array)[]): unknown[] {
  const found: unknown[] = [];
  const lines = new BoundedLines(maximum, {
    onLine: (line) => found.push(new TextDecoder().decode(line)),
    onDropped: ({ bytes, scan }) => found.push({ bytes, ids: scan.ids() }),
  });
  for (const chunk of chunks) lines.push(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk);
  return found;
}

Deno.test("a line is complete when its line feed has arrived, whatever its chunks", () => {
  assert.deepEqual(received(10), []);
  assert.deepEqual(received(10, "", "a", "", "b"), []);
  assert.deepEqual(received(10, "a", "b\n", "c\nd\ne"), ["ab", "c", "d"]);
  assert.deepEqual(received(10, "a\n\n", "\n"), ["a", "", ""]);
});

Deno.test("a line as long as the maximum passes, and one byte more is dropped", () => {
  assert.deepEqual(received(4, "abcd\n"), ["abcd"]);
  assert.deepEqual(received(4, "abcde\n"), [{ bytes: 5, ids: [] }]);
  assert.deepEqual(received(4, "abcd", "e", "f\n"), [{ bytes: 6, ids: [] }]);
  assert.deepEqual(received(0, "\n", "a\n"), ["", { bytes: 1, ids: [] }]);
});

Deno.test("the maximum counts bytes: a character may be several, and may arrive in two chunks", () => {
  const bytes = new TextEncoder().encode("é😀\n");
  assert.deepEqual(received(6, bytes.subarray(0, 1), bytes.subarray(1, 4), bytes.subarray(4)), ["é😀"]);
  assert.deepEqual(received(5, bytes), [{ bytes: 6, ids: [] }]);
});

Deno.test("after a dropped line the next one is read, and the ids of the dropped one are known", () => {
  assert.deepEqual(received(10, '{"id":7,"method":"x"}\nnext\n'), [{ bytes: 21, ids: ["7"] }, "next"]);
  assert.deepEqual(received(10, '{"id":', '8,"method":"x"', "}\nnext\n"), [
    { bytes: 21, ids: ["8"] },
    "next",
  ]);
});

Deno.test("a carriage return stays in the line, counts towards its size, and does not disturb the JSON parser", () => {
  assert.deepEqual(received(2, "a\r\n", "bc\r\n"), ["a\r", { bytes: 3, ids: [] }]);
  const message = readMessage(new TextEncoder().encode('{"jsonrpc":"2.0","id":1,"method":"ping"}\r'));
  assert.ok(message !== undefined && !isRefusal(message));
  assert.equal(readMessage(new TextEncoder().encode("\r")), undefined);
});

Deno.test("the chunks of a stream do not change its lines", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "é", "\n", "\r", "😀"), maxLength: 60 });
  fc.assert(fc.property(text, fc.array(fc.nat(60)), fc.nat(8), (given, cuts, maximum) => {
    const bytes = new TextEncoder().encode(given);
    const places = [
      0,
      ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b),
      bytes.length,
    ];
    const chunks = places.slice(1).map((end, at) => bytes.subarray(places[at], end));
    assert.deepEqual(received(maximum, ...chunks), received(maximum, bytes));
  }));
});
