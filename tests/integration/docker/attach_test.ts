import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { textOf, withEngine } from "../../fixtures/docker/support.ts";

const MIB = 1024 * 1024;

/** Writes pseudo-random bytes in chunks of changing sizes and returns their hash. */
async function writeRandom(writable: WritableStream<Uint8Array>, total: number): Promise<string> {
  const hash = createHash("sha256");
  const pool = crypto.getRandomValues(new Uint8Array(65_536));
  const writer = writable.getWriter();
  for (let sent = 0, turn = 1; sent < total; turn++) {
    const size = Math.min(1 + (turn * 7919) % (turn % 3 === 0 ? 300_000 : 5_000), total - sent);
    const chunk = new Uint8Array(size);
    for (let at = 0; at < size; at += pool.byteLength) {
      chunk.set(pool.subarray(0, Math.min(pool.byteLength, size - at)), at);
    }
    chunk[0] = turn;
    hash.update(chunk);
    await writer.write(chunk);
    sent += size;
  }
  await writer.close();
  return hash.digest("hex");
}

async function hashOf(readable: ReadableStream<Uint8Array>): Promise<{ hash: string; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of readable) {
    hash.update(chunk);
    bytes += chunk.byteLength;
  }
  return { hash: hash.digest("hex"), bytes };
}

Deno.test("attach() carries 50 MB through cat and back, unchanged, and ends with the half-close", () =>
  withEngine(async ({ engine, create }) => {
    const id = await create(["cat"]);
    const attachment = await engine.attach(id);
    await engine.startContainer(id);
    const [sent, received] = await Promise.all([
      writeRandom(attachment.writable, 50 * MIB),
      hashOf(attachment.readable),
    ]);
    assert.deepEqual(received, { hash: sent, bytes: 50 * MIB });
    await attachment.closed;
    assert.equal(attachment.stderrDropped, 0);
    assert.deepEqual(await engine.waitContainer(id), { exitCode: 0 });
  }));

Deno.test("attach() keeps stdout and stderr apart", () =>
  withEngine(async ({ engine, create }) => {
    const id = await create(["sh", "-c", "for i in 1 2 3; do echo out$i; echo err$i >&2; done"]);
    const attachment = await engine.attach(id);
    await engine.startContainer(id);
    const [out, err] = await Promise.all([textOf(attachment.readable), textOf(attachment.stderr)]);
    assert.equal(out, "out1\nout2\nout3\n");
    assert.equal(err, "err1\nerr2\nerr3\n");
  }));

Deno.test("attach() drops stderr that nobody reads, counts the bytes, and does not delay stdout", () =>
  withEngine(async ({ engine, create }) => {
    const id = await create(["sh", "-c", "head -c 3000000 /dev/zero >&2; echo done"]);
    const attachment = await engine.attach(id);
    await engine.startContainer(id);
    assert.equal(await textOf(attachment.readable), "done\n");
    await attachment.closed;
    const kept = (await textOf(attachment.stderr)).length;
    assert.ok(kept > 0 && kept <= 256 * 1024);
    assert.equal(kept + attachment.stderrDropped, 3_000_000);
  }));

Deno.test("attach() discards stdout once its reader has cancelled", () =>
  withEngine(async ({ engine, create }) => {
    const id = await create(["sh", "-c", "head -c 5000000 /dev/zero; exit 3"]);
    const attachment = await engine.attach(id);
    await attachment.readable.cancel();
    await engine.startContainer(id);
    assert.deepEqual(await engine.waitContainer(id), { exitCode: 3 });
    await attachment.closed;
  }));

Deno.test("close() ends a stalled attach, so that its container can be removed", () =>
  withEngine(async ({ engine, create }) => {
    const id = await create(["sh", "-c", "cat /dev/zero"]);
    const attachment = await engine.attach(id);
    await engine.startContainer(id);
    const reader = attachment.readable.getReader();
    await reader.read();
    const writer = attachment.writable.getWriter();
    // The container does not read: this write stays pending until close() ends it.
    const write = assert.rejects(writer.write(new Uint8Array(8 * MIB)), { code: "engine_failed" });
    attachment.close();
    attachment.close();
    await write;
    await attachment.closed;
    await assert.rejects(writer.write(new Uint8Array(1)), { code: "engine_failed" });
    await engine.removeContainer(id, { deadlineMs: 60_000 });
    let rest = 0;
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      rest += next.value.byteLength;
    }
    assert.ok(rest <= 2 * MIB);
  }));

Deno.test("attach() works again after a close, while the container still runs", () =>
  withEngine(async ({ engine, create }) => {
    const id = await create(["cat"], { StdinOnce: false });
    await engine.startContainer(id);
    for (const word of ["one", "two", "three"]) {
      const attachment = await engine.attach(id);
      await attachment.writable.getWriter().write(new TextEncoder().encode(word));
      const first = await attachment.readable.getReader().read();
      assert.equal(new TextDecoder().decode(first.value), word);
      attachment.close();
      await attachment.closed;
    }
    assert.equal((await engine.inspectContainer(id)).state.running, true);
  }));
