import assert from "node:assert/strict";
import fc from "fast-check";
import { readResponseHead } from "../../../src/docker/response_head.ts";

/** Reads a head that arrives in pieces. */
function read(pieces: readonly (string | Uint8Array)[]): ReturnType<typeof readResponseHead> {
  const waiting = pieces.map((piece) => typeof piece === "string" ? new TextEncoder().encode(piece) : piece);
  return readResponseHead("test", () => Promise.resolve(waiting.shift() ?? null));
}

Deno.test("readResponseHead() reads status, headers and further bytes from pieces of any size", async () => {
  const text = "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/x\r\nupgrade:tcp \r\n\r\nrest";
  for (const size of [1, 2, 7, 1000]) {
    const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
    const waiting = [...pieces];
    const head = await readResponseHead(
      "test",
      () => Promise.resolve(waiting.length > 0 ? new TextEncoder().encode(waiting.shift()) : null),
    );
    assert.equal(head.status, 101);
    assert.equal(head.headers.get("content-type"), "application/x");
    assert.equal(head.headers.get("upgrade"), "tcp");
    assert.equal(new TextDecoder().decode(head.rest) + waiting.join(""), "rest");
  }
});

Deno.test("readResponseHead() accepts only an HTTP response", async () => {
  const bad = [
    ["garbage"],
    ["HTTP/2 200 OK\r\n\r\n"],
    ["HTTP/1.1 99 X\r\n\r\n"],
    ["HTTP/1.1 200 OK\r\nno colon\r\n\r\n"],
    ["HTTP/1.1 200 OK\r\n folded: x\r\n\r\n"],
    ["HTTP/1.1 200 OK\nA: b\n\n"],
    ["HTTP/1.1 200 OK\r\nA: b"],
    [],
  ];
  for (const pieces of bad) await assert.rejects(read(pieces), { code: "engine_failed" }, pieces.join());
});

Deno.test("readResponseHead() reads at most 16 KiB", async () => {
  const endless = Array.from(
    { length: 40 },
    (_, index) => index === 0 ? "HTTP/1.1 200 OK\r\n" : `A: ${"b".repeat(1000)}\r\n`,
  );
  await assert.rejects(read(endless), /more than 16384 bytes/);
});

Deno.test("readResponseHead() throws only its own error on random bytes", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 5 }), async (pieces) => {
      await assert.rejects(read(["HTTP/1.1 ", ...pieces]), { code: "engine_failed" });
    }),
  );
});
