import assert from "node:assert/strict";
import { Engine } from "../../../src/docker/mod.ts";
import { fakeEngine, httpAnswer, VERSION_ANSWER } from "../../fixtures/docker/support.ts";

const ID = "a".repeat(64);

/** Deno sends the whole URL in the request line, as to a proxy. */
function asksVersion(head: string): boolean {
  return /^GET \S*\/version /.test(head);
}

/** Responds like an engine to the version request, and with `answer` to all others. */
function broken(answer: Uint8Array | string): (head: string, connection: Deno.Conn) => Promise<void> {
  const bytes = typeof answer === "string" ? new TextEncoder().encode(answer) : answer;
  return async (head, connection) => {
    const isVersion = asksVersion(head);
    await connection.write(isVersion ? httpAnswer(200, VERSION_ANSWER) : bytes);
    if (!isVersion) connection.close();
  };
}

async function withBroken(
  answer: Uint8Array | string,
  test: (engine: Engine) => Promise<void>,
): Promise<void> {
  await using fake = await fakeEngine(broken(answer));
  const engine = await Engine.connect({ host: fake.host });
  try {
    await test(engine);
  } finally {
    engine.close();
  }
}

Deno.test("connect() reports that there is no engine", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await assert.rejects(Engine.connect({ host: `unix://${folder}/none.sock` }), {
      code: "engine_unreachable",
      message: /No such file/,
    });
    await Deno.writeTextFile(`${folder}/file.sock`, "");
    await assert.rejects(Engine.connect({ host: `unix://${folder}/file.sock` }), {
      code: "engine_unreachable",
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("connect() times out when the engine is silent", async () => {
  await using fake = await fakeEngine(() => {});
  await assert.rejects(Engine.connect({ host: fake.host, deadlineMs: 100 }), { code: "timeout" });
});

Deno.test("connect() refuses invalid responses and old engines", async () => {
  for (
    const answer of ["garbage\r\n\r\n", "", httpAnswer(200, "<html>"), httpAnswer(200, { ApiVersion: 1 })]
  ) {
    await using fake = await fakeEngine(async (_head, connection) => {
      await connection.write(typeof answer === "string" ? new TextEncoder().encode(answer) : answer);
      connection.close();
    });
    await assert.rejects(Engine.connect({ host: fake.host }), { code: "engine_failed" });
  }
  await using old = await fakeEngine((_head, connection) => {
    connection.write(httpAnswer(200, { ApiVersion: "1.40", MinAPIVersion: "1.12" }));
  });
  await assert.rejects(Engine.connect({ host: old.host }), { code: "engine_refused", message: /API 1\.40/ });
});

Deno.test("Engine uses the negotiated API version", async () => {
  const lines: string[] = [];
  await using fake = await fakeEngine(async (head, connection) => {
    lines.push(head.split("\r\n")[0] ?? "");
    const version = { ApiVersion: "1.99", MinAPIVersion: "1.44" };
    await connection.write(httpAnswer(200, asksVersion(head) ? version : []));
  });
  const engine = await Engine.connect({ host: fake.host });
  await engine.listContainers({ labels: { a: "b" } });
  engine.close();
  assert.equal(engine.apiVersion, "1.51");
  assert.match(lines[1] ?? "", /^GET \S*\/v1\.51\/containers\/json\?all=0&filters=/);
});

Deno.test("Engine reports an unknown outcome when the response to a change breaks off", async () => {
  await withBroken("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", async (engine) => {
    await assert.rejects(engine.waitContainer(ID), {
      code: "engine_failed",
      state: "It is unknown whether the engine did it.",
    });
    await assert.rejects(engine.inspectContainer(ID), {
      code: "engine_failed",
      state: "Nothing was changed.",
    });
  });
});

Deno.test("Engine passes on the message of a response that is not JSON, bounded", async () => {
  await withBroken(httpAnswer(503, `proxy says no ${"x".repeat(9000)}`), async (engine) => {
    await assert.rejects(engine.startContainer(ID), {
      code: "engine_failed",
      message: /503: proxy says no x{900,}…/,
    });
  });
  await withBroken(httpAnswer(500, { message: "x".repeat(100_000) }), async (engine) => {
    await assert.rejects(engine.startContainer(ID), { message: /more than 65536 bytes of message/ });
  });
});

Deno.test("Engine refuses invalid ids in responses", async () => {
  await withBroken(httpAnswer(201, { Id: "../../x", Warnings: null }), async (engine) => {
    await assert.rejects(engine.createContainer({ Image: "debian" }, { name: "x" }), {
      code: "engine_failed",
    });
  });
});

Deno.test("attach() refuses a response that is not a hijacked stream", async () => {
  for (const answer of ["garbage", httpAnswer(200, {}), "HTTP/1.1 101 UPGRADED\r\nbad\r\n\r\n"]) {
    await withBroken(answer, async (engine) => {
      await assert.rejects(engine.attach(ID), { code: "engine_failed" });
    });
  }
});

Deno.test("attach() ends at its deadline and on its signal when the engine is silent", async () => {
  await using fake = await fakeEngine(async (head, connection) => {
    if (asksVersion(head)) await connection.write(httpAnswer(200, VERSION_ANSWER));
  });
  const engine = await Engine.connect({ host: fake.host });
  await assert.rejects(engine.attach(ID, { deadlineMs: 50 }), { code: "timeout" });
  await assert.rejects(engine.attach(ID, { signal: AbortSignal.timeout(50) }), {
    code: "timeout",
    state: "The container is unchanged.",
  });
  const controller = new AbortController();
  const attaching = engine.attach(ID, { signal: controller.signal });
  controller.abort();
  await assert.rejects(attaching, { code: "cancelled" });
  engine.close();
});

Deno.test("attach() fails its outputs when the stream is invalid or breaks off in a frame", async () => {
  const head = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
  for (const bytes of ["\x01\0\0\0\0\0\0\x05abc", "\x07\0\0\0\0\0\0\x01a", "not frames"]) {
    await withBroken(head + bytes, async (engine) => {
      const attachment = await engine.attach(ID);
      const error = assert.rejects(Array.fromAsync(attachment.readable), { code: "engine_failed" });
      await attachment.closed;
      await error;
    });
  }
});

Deno.test("buildImage() releases its context when the engine cannot be reached", async () => {
  // The fake engine closes each connection: a reused one could fail in another way.
  const fake = await fakeEngine(async (_head, connection) => {
    const answer = new TextDecoder().decode(httpAnswer(200, VERSION_ANSWER));
    await connection.write(new TextEncoder().encode(answer.replace("\r\n", "\r\nConnection: close\r\n")));
    connection.close();
  });
  const engine = await Engine.connect({ host: fake.host });
  await fake[Symbol.asyncDispose]();
  const cancelled = Promise.withResolvers<void>();
  const context = new ReadableStream<Uint8Array>({ cancel: () => cancelled.resolve() });
  await assert.rejects(engine.buildImage(context, { tag: "omcp-test:none" }), {
    code: "engine_unreachable",
    state: "No request reached the engine.",
  });
  await cancelled.promise;
  engine.close();
});
