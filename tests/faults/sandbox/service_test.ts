/** A sandbox whose agent reports that a service failed. */
import assert from "node:assert/strict";
import * as z from "zod";
import { runtimeOver, sandboxManager } from "../../fixtures/sandbox_manager.ts";
import { assertNothingLeft, connectTestEngine, newInstance } from "../../fixtures/server.ts";

const boot = z.looseObject({ config: z.record(z.string(), z.unknown()) });

/** The boot message with a socket directory that no agent can make. */
function withoutSocketDirectory(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const parsed = boot.parse(JSON.parse(new TextDecoder().decode(message.subarray(4))));
  const changed = { ...parsed, config: { ...parsed.config, postgres_socket_directory: "/proc/none" } };
  const body = new TextEncoder().encode(JSON.stringify(changed));
  const bytes = new Uint8Array(4 + body.length);
  new DataView(bytes.buffer).setUint32(0, body.length);
  bytes.set(body, 4);
  return bytes;
}

Deno.test("a sandbox whose database service failed is not handed out", async () => {
  const engine = await connectTestEngine();
  const instance = newInstance();
  const host = runtimeOver(engine, {
    attach: async (id, call) => {
      const attachment = await engine.attach(id, call);
      let booted = false;
      const writer = attachment.writable.getWriter();
      const writable = new WritableStream<Uint8Array>({
        async write(chunk) {
          await writer.write(booted ? chunk : withoutSocketDirectory(chunk));
          booted = true;
        },
        abort: (reason) => writer.abort(reason),
      });
      const { readable, stderr, closed } = attachment;
      return {
        readable,
        writable,
        stderr,
        closed,
        close: () => attachment.close(),
      };
    },
  });
  const manager = sandboxManager(host, instance, { postgresConnections: () => () => {} });
  try {
    await assert.rejects(manager.create(), {
      code: "sandbox_start_failed",
      message: /no database connection: Cannot listen for database connections/,
    });
    assert.deepEqual(manager.list(true), []);
  } finally {
    await manager.close();
  }
  await assertNothingLeft(engine, instance);
});
