/** `sandbox.files` over an agent in memory: what it makes of each reply, valid or not. The agent's side is in files_test.py. */
import assert from "node:assert/strict";
import * as z from "zod";
import { FILE_ERROR_CODES, FILE_RESULTS, fileErrorSchema } from "../../../src/agent_protocol/messages/mod.ts";
import { type ByteStream, StreamResetError } from "../../../src/agent_protocol/mod.ts";
import { OmcpError } from "../../../src/errors.ts";
import { concatBytes } from "../../../src/lib/bytes.ts";
import { fileError } from "../../../src/sandbox/files/errors.ts";
import { SandboxFiles } from "../../../src/sandbox/files/files.ts";
import { Lifetime } from "../../../src/sandbox/lifetime.ts";

const encoder = new TextEncoder();
const page = await Deno.readTextFile(new URL("../../../src/agent_protocol/FILES.md", import.meta.url));
const vectors = z.array(z.strictObject({
  message: z.string(),
  valid: z.boolean(),
  name: z.string(),
  value: z.unknown(),
})).parse(JSON.parse(await Deno.readTextFile(new URL("../../vectors/files.json", import.meta.url))));

/** The agent's end of one stream. */
interface Peer {
  /** The request's header. */
  readonly header: Promise<unknown>;
  /** Sends text or bytes. */
  send(data: string | Uint8Array): void;
  /** Ends what is sent. */
  end(): void;
  /** Resets the stream. */
  reset(reason: string): void;
  /** How many bytes have arrived. */
  received(): number;
}

/** Files whose agent does what a test says. */
function filesOf(serve: (peer: Peer) => void | Promise<void>) {
  const ended = Promise.withResolvers<never>();
  const removals: string[] = [];
  const lifetime = new Lifetime({
    id: "sbx_1",
    container: {
      ended: ended.promise,
      remove: (reason) => {
        removals.push(reason);
        return {
          isRemoved: true,
          problem: undefined,
          removed: Promise.resolve(),
          within: () => Promise.resolve(true),
        };
      },
    },
    idleMs: 1000,
    lifetimeMs: 1000,
  });
  function openStream(service: string): Promise<ByteStream> {
    assert.equal(service, "files");
    const incoming = Promise.withResolvers<ReadableStreamDefaultController<Uint8Array>>();
    const header = Promise.withResolvers<unknown>();
    let received = 0;
    let text = "";
    const readable = new ReadableStream<Uint8Array>({ start: (controller) => incoming.resolve(controller) });
    const writable = new WritableStream<Uint8Array>({
      write: (chunk) => {
        received += chunk.length;
        text += new TextDecoder().decode(chunk);
        if (text.includes("\n")) header.resolve(JSON.parse(text.split("\n")[0] ?? ""));
      },
    });
    void incoming.promise.then((controller) =>
      serve({
        header: header.promise,
        send: (data) => controller.enqueue(typeof data === "string" ? encoder.encode(data) : data),
        end: () => controller.close(),
        reset: (reason) =>
          controller.error(new StreamResetError(`The agent reset the stream: ${reason}`, reason)),
        received: () => received,
      })
    );
    return Promise.resolve({ readable, writable });
  }
  return {
    files: new SandboxFiles({ lifetime, container: { channel: { openStream } } }),
    lifetime,
    removals,
  };
}

async function failure(work: Promise<unknown>): Promise<OmcpError> {
  const error = await work.then(() => undefined, (thrown: unknown) => thrown);
  assert(error instanceof OmcpError, `it did not fail as it should: ${String(error)}`);
  return error;
}

const HEAD = { size: 10, allocated: 4096, modified_ms: 0, offset: 2, length: 6 };

Deno.test("the schemas of files accept and refuse the shared vectors", async (t) => {
  const schemas: Readonly<Record<string, z.ZodType>> = {
    ...Object.fromEntries(Object.entries(FILE_RESULTS).map(([name, schema]) => [`result ${name}`, schema])),
    error: fileErrorSchema,
  };
  const messages = new Set(vectors.map(({ message }) => message));
  assert.deepEqual([...messages].sort(), ["request", ...Object.keys(schemas)].sort());
  for (const { message, name, valid, value } of vectors) {
    const schema = schemas[message];
    if (schema === undefined) continue;
    await t.step(`${message}: ${name}`, () => assert.equal(schema.safeParse(value).success, valid));
  }
});

Deno.test("FILES.md lists exactly the error codes, and each becomes an error with state and next step", () => {
  const listed = [...(page.split("\n## Errors\n")[1] ?? "").matchAll(/^\| `(\w+)`/gm)].map(([, code]) =>
    code
  );
  assert.deepEqual(listed, [...FILE_ERROR_CODES]);
  for (const code of FILE_ERROR_CODES) {
    for (
      const request of [{ op: "read", path: "a", offset: 0, limit: 1 }, {
        op: "remove",
        path: "a",
        recursive: false,
      }] as const
    ) {
      const error = fileError(request, { code, message: "x" });
      assert(error.state !== undefined && error.next !== undefined, code);
      assert.equal(error.details.agent_code, code);
    }
  }
});

Deno.test("the next step fits the request: datasets, saved output, a file in place of a folder", () => {
  const read = { op: "read", offset: 0, limit: 1 } as const;
  const list = { op: "list", depth: 1, limit: 1 } as const;
  const cases = [
    [{ ...read, path: "/data/x/a.csv" }, "invalid_argument", /^Use a dataset in a cell/],
    [{ ...list, path: "//data" }, "invalid_argument", /^Use a dataset in a cell/],
    [{ op: "move", path: "a", to: "/data/x/a", overwrite: false }, "invalid_argument", /^Use a dataset/],
    [{ ...read, path: "data/x" }, "not_found", /^list_files shows/],
    [{ ...read, path: "/database" }, "invalid_argument", /^Change the path/],
    [{ ...read, path: "/outputs" }, "not_found", /^Saved output can be read by the path/],
    [{ ...list, path: "/outputs/" }, "invalid_argument", /\/outputs cannot be listed/],
    [{ ...list, path: "a.txt" }, "not_a_folder", /^Read a file with read_file/],
    [{ ...read, path: "a.txt/b" }, "not_a_folder", /^list_files shows/],
  ] as const;
  for (const [request, code, next] of cases) {
    assert.match(fileError(request, { code, message: "x" }).next ?? "", next, JSON.stringify(request));
  }
});

Deno.test("a file's bytes are separated from the lines around them, however they are split", async () => {
  const whole = `${JSON.stringify({ result: HEAD })}\nab\n{}}${
    JSON.stringify({ result: { changed: true } })
  }\n`;
  for (const size of [1, 2, 3, 7, 1000]) {
    const { files, lifetime } = filesOf(async (peer) => {
      assert.deepEqual(await peer.header, { op: "read", path: "a", offset: 2, limit: 6 });
      for (let at = 0; at < whole.length; at += size) peer.send(whole.slice(at, at + size));
      peer.end();
    });
    const { bytes, changed, length } = await files.read("a", { offset: 2, limit: 6 });
    assert(files.busy);
    const text = new TextDecoder().decode(concatBytes(await Array.fromAsync(bytes)));
    assert.deepEqual([text, changed(), length], ["ab\n{}}", true, 6]);
    assert(!files.busy);
    assert.equal(lifetime.end, undefined);
  }
});

Deno.test("an invalid reply ends the sandbox", async (t) => {
  const replies = {
    "not JSON": "hello\n",
    "not UTF-8": Uint8Array.of(0xff, 0x0a),
    "an unknown error code": '{"error":{"code":"enoent","message":""}}\n',
    "result and error": '{"result":{},"error":{"code":"busy","message":""}}\n',
    "a wrong result": '{"result":{"size":1,"free":-1,"names":0}}\n',
    "no line feed": '{"result":{"size":1,"free":1,"names":0}}',
    "a line without end": "x".repeat(17 * 1024 * 1024),
  };
  for (const [name, reply] of Object.entries(replies)) {
    await t.step(name, async () => {
      const { files, lifetime, removals } = filesOf((peer) => {
        peer.send(reply);
        peer.end();
      });
      const error = await failure(files.space());
      assert.equal(error.code, "sandbox_lost");
      assert.match(error.message, /its file service failed: /);
      assert.equal(lifetime.end?.state, "lost");
      assert.equal(removals.length, 1);
      assert.equal((await failure(files.space())).code, "sandbox_lost");
    });
  }
});

Deno.test("a reply that ends in the middle of a file's bytes ends the sandbox, unless the agent gives a reason", async () => {
  const early = filesOf((peer) => {
    peer.send(`${JSON.stringify({ result: HEAD })}\nabc`);
    peer.end();
  });
  assert.equal(
    (await failure(Array.fromAsync((await early.files.read("a", { limit: 9 })).bytes))).code,
    "sandbox_lost",
  );
  const shorter = filesOf((peer) => {
    peer.send(`${JSON.stringify({ result: HEAD })}\nabc`);
    setTimeout(() => peer.reset("changed: a became shorter: really"), 20);
  });
  const error = await failure(Array.fromAsync((await shorter.files.read("a", { limit: 9 })).bytes));
  assert.deepEqual([error.code, error.message], ["file_changed", "a became shorter: really"]);
  assert.equal(shorter.lifetime.end, undefined);
  assert(!shorter.files.busy);
});

Deno.test("an error in the middle of an upload ends it, and closes its source", async () => {
  const { files, lifetime } = filesOf(async (peer) => {
    await peer.header;
    peer.send('{"result":{}}\n');
    while (peer.received() < 1_000_000) await new Promise((resolve) => setTimeout(resolve, 1));
    peer.send('{"error":{"code":"workspace_full","message":"Cannot write big: No space left on device"}}\n');
    peer.end();
  });
  let closed = false;
  async function* endless() {
    try {
      while (true) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        yield new Uint8Array(100_000);
      }
    } finally {
      closed = true;
    }
  }
  const error = await failure(files.write("big", endless(), { overwrite: true }));
  assert.equal(error.code, "workspace_full");
  assert.match(error.state ?? "", /^Nothing was written/);
  assert(closed && !files.busy);
  assert.equal(lifetime.end, undefined);
});

Deno.test("a call to which the agent does not reply times out, and the sandbox continues", async () => {
  const { files, lifetime } = filesOf(() => {});
  const error = await failure(files.stat("a", { deadlineMs: 50 }));
  assert.equal(error.code, "timeout");
  assert(!files.busy);
  assert.equal(lifetime.end, undefined);
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error("enough")), 20);
  assert.equal((await failure(files.list("a", {}, { signal: controller.signal }))).code, "cancelled");
});
