/** `Installation` over an installer that the sandbox's code has in its hands: what the server believes of its answers. */
import assert from "node:assert/strict";
import { StreamResetError } from "../../../../src/agent_protocol/mod.ts";
import { Installation } from "../../../../src/sandbox/packages/installation.ts";

const encoder = new TextEncoder();
const UNPACKING = { bytes: 1000, files: 1, replace: [] };
const INSTALLED = '{"installed": {"skipped": []}}\n';

interface Peer {
  /** Bytes that it takes before it resets the stream. @default all */
  readonly takes?: number;
  /** What it answers at once. */
  readonly answers: string;
}

function installation({ takes = Infinity, answers }: Peer, stallMs?: number): Installation {
  let taken = 0;
  return new Installation({
    readable: new ReadableStream({
      start: (controller) => {
        if (answers !== "") controller.enqueue(encoder.encode(answers));
      },
    }),
    writable: new WritableStream({
      write: (chunk) => {
        taken += chunk.length;
        if (taken > takes) throw new StreamResetError("The agent reset the stream", "");
      },
    }),
  }, stallMs);
}

async function* archive(ended: { chunks: number }): AsyncGenerator<Uint8Array> {
  for (; ended.chunks < 20; ended.chunks += 1) yield await Promise.resolve(new Uint8Array(100));
}

Deno.test("an installer's claim to have installed what it did not get is not believed", async () => {
  const sent = { chunks: 0 };
  const forged = installation({ takes: 500, answers: INSTALLED }).unpack(UNPACKING, archive(sent));
  await assert.rejects(forged, StreamResetError);
  assert(sent.chunks < 20, "the archive's rest was not read");
  const whole = { chunks: 0 };
  assert.deepEqual(await installation({ answers: INSTALLED }).unpack(UNPACKING, archive(whole)), []);
  assert.equal(whole.chunks, 20);
});

Deno.test("an installer that refuses before it has read everything says why", async () => {
  const answers = '{"refused": {"code": "workspace_full", "message": "9 bytes are needed"}}\n';
  await assert.rejects(installation({ takes: 500, answers }).unpack(UNPACKING, archive({ chunks: 0 })), {
    code: "workspace_full",
    message: /9 bytes are needed/,
  });
});

Deno.test("a refusal that arrives while the server still sends ends the sending", async () => {
  const answers = '{"refused": {"code": "workspace_full", "message": "9 bytes are needed"}}\n';
  const sent = { chunks: 0 };
  async function* slow(): AsyncGenerator<Uint8Array> {
    for await (const chunk of archive(sent)) {
      await new Promise((resolve) => setTimeout(resolve));
      yield chunk;
    }
  }
  // It takes what comes, as an installer does after its answer.
  await assert.rejects(installation({ answers }).unpack(UNPACKING, slow()), { code: "workspace_full" });
  assert.ok(sent.chunks < 20, `${sent.chunks}`);
});

Deno.test("if the stream was reset, the end of the archive reports the reason of the reset", async () => {
  const reset = new StreamResetError("The agent reset the stream", "");
  let sink: WritableStreamDefaultController | undefined;
  const ended = new Installation({
    readable: new ReadableStream({ start: (controller) => controller.error(reset) }),
    writable: new WritableStream({
      start: (controller) => {
        sink = controller;
      },
    }),
  });
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(new Uint8Array(1));
    sink?.error(reset);
  }
  await assert.rejects(ended.unpack(UNPACKING, failing()), reset);
});

Deno.test("an installer that is stopped ends the installation long before the call's timeout", async () => {
  // It answers nothing.
  await assert.rejects(installation({ answers: "" }, 50).unpack(UNPACKING, archive({ chunks: 0 })), {
    code: "package_failed",
    message: /did nothing for 0\.05 s/,
  });
  const stopped = new Installation({
    readable: new ReadableStream(),
    writable: new WritableStream({ write: () => new Promise(() => {}) }),
  }, 50);
  await assert.rejects(stopped.unpack(UNPACKING, archive({ chunks: 0 })), { code: "package_failed" });
});
