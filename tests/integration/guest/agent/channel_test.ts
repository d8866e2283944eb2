/** The agent in real containers, through the server's own channel and engine client. */
import assert from "node:assert/strict";
import {
  bootBytes,
  type BootConfig,
  Channel,
  type ChannelEvent,
  databaseBootConfig,
  fromSource,
  sandboxBootConfig,
} from "../../../../src/agent_protocol/mod.ts";
import type { ByteStream } from "../../../../src/lib/byte_stream.ts";
import type { Attachment, Engine } from "../../../../src/docker/mod.ts";
import { POSTGRES_IMAGE, PYTHON_IMAGE } from "../../../fixtures/images.ts";
import { GUEST_MODULES, LOADER_COMMAND } from "../../../../src/guest/mod.ts";
import { connectTestEngine } from "../../../fixtures/server.ts";

const DEADLINE_MS = 30_000;
const OWN_TMPFS = "uid=10001,gid=10001,mode=755,size=";

interface BoxOptions {
  readonly image: string;
  readonly config: BootConfig;
  readonly tmpfs?: Record<string, string>;
  readonly services?: Record<string, (stream: ByteStream) => void>;
}

interface Box {
  readonly engine: Engine;
  readonly id: string;
  readonly attachment: Attachment;
  readonly channel: Channel;
  event(type: string, state: string): Promise<ChannelEvent>;
}

/** Runs a test with an agent in its own container, and always removes the container. */
async function withBox(options: BoxOptions, test: (box: Box) => Promise<void>): Promise<void> {
  const mark = crypto.randomUUID();
  const engine = await connectTestEngine();
  const id = await engine.createContainer({
    Image: options.image,
    Entrypoint: LOADER_COMMAND,
    Cmd: [],
    User: "10001:10001",
    Labels: { "org.omcp.test": mark },
    OpenStdin: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    HostConfig: {
      NetworkMode: "none",
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      LogConfig: { Type: "none" },
      Tmpfs: { "/tmp": `${OWN_TMPFS}8m`, "/run": `${OWN_TMPFS}1m`, ...options.tmpfs },
    },
  }, { name: `omcp-test-${mark}` });
  const seen: ChannelEvent[] = [];
  const waiting = new Set<() => void>();
  let attachment: Attachment | undefined;
  let channel: Channel | undefined;
  try {
    attachment = await engine.attach(id);
    const drained = attachment.stderr.pipeTo(new WritableStream()).catch(() => {});
    await engine.startContainer(id);
    const writer = attachment.writable.getWriter();
    await writer.write(bootBytes(fromSource(GUEST_MODULES), options.config));
    writer.releaseLock();
    channel = await Channel.open(attachment, {
      services: options.services ?? {},
      onEvent: (event) => {
        seen.push(event);
        for (const look of waiting) look();
      },
    });
    const event = async (type: string, state: string): Promise<ChannelEvent> => {
      const found = Promise.withResolvers<ChannelEvent>();
      function look(): void {
        const match = seen.find((one) => one.type === type && one["state"] === state);
        if (match !== undefined) found.resolve(match);
      }
      const timer = setTimeout(
        () => found.reject(new Error(`no ${type} ${state}: ${JSON.stringify(seen)}`)),
        DEADLINE_MS,
      );
      waiting.add(look);
      look();
      try {
        return await found.promise;
      } finally {
        clearTimeout(timer);
        waiting.delete(look);
      }
    };
    await test({ engine, id, attachment, channel, event });
    channel.close("the test is over");
    attachment.close();
    await drained;
  } finally {
    channel?.close("the test is over");
    attachment?.close();
    await engine.removeContainer(id);
  }
}

/** Counts a stream's bytes until it ends. */
async function drain(stream: ByteStream): Promise<number> {
  let count = 0;
  for await (const chunk of stream.readable) count += chunk.byteLength;
  return count;
}

const SANDBOX = sandboxBootConfig({ leaseSeconds: 60, services: ["postgres"] });
const DATABASE = databaseBootConfig({
  leaseSeconds: 60,
  template: "/opt/omcp/pgdata-sample",
  data: "/data/pgdata",
  lock: "/data/lock",
  settings: {},
});

function execute(channel: Channel, code: string): Promise<unknown> {
  const params = {
    code,
    timeout_ms: 20_000,
    max_output_bytes: 10_000,
    max_text_characters: 10_000,
    silent: false,
    execution: "exec_1",
    env: {},
    cwd: null,
  };
  return channel.request("execute", params, { deadlineMs: DEADLINE_MS });
}

Deno.test("the agent carries a stream's bytes between a cell and the server", async () => {
  const counted = Promise.withResolvers<number>();
  async function serve(stream: ByteStream): Promise<void> {
    const count = await drain(stream);
    const writer = stream.writable.getWriter();
    const block = new Uint8Array(65536).fill(7);
    for (let sent = 0; sent < count; sent += block.byteLength) await writer.write(block);
    await writer.close();
    counted.resolve(count);
  }
  const services = { postgres: (stream: ByteStream) => void serve(stream).catch(counted.reject) };
  await withBox({ image: PYTHON_IMAGE, config: SANDBOX, services }, async ({ channel, event }) => {
    await event("execution_state", "idle");
    const total = 1024 * 65536;
    await execute(
      channel,
      `import socket
c = socket.socket(socket.AF_UNIX); c.connect("/run/postgresql/.s.PGSQL.5432")
for _ in range(${total / 65536}): c.sendall(b"x" * 65536)
c.shutdown(socket.SHUT_WR)
got = 0
while part := c.recv(1 << 18):
    got += len(part)
    assert part.count(7) == len(part)
assert got == ${total}, got`,
    );
    assert.equal(await counted.promise, total);
  });
});

Deno.test("a cell reads the sample from the local Postgres through both agents", async () => {
  const data = { "/data": `${OWN_TMPFS}200m` };
  await withBox({ image: POSTGRES_IMAGE, config: DATABASE, tmpfs: data }, async (database) => {
    await database.event("database_state", "ready");
    async function join(stream: ByteStream): Promise<void> {
      const upstream = await database.channel.openStream("postgres");
      await Promise.all([
        stream.readable.pipeTo(upstream.writable),
        upstream.readable.pipeTo(stream.writable),
      ]);
    }
    const services = { postgres: (stream: ByteStream) => void join(stream).catch(() => {}) };
    await withBox({ image: PYTHON_IMAGE, config: SANDBOX, services }, async ({ channel, event }) => {
      await event("execution_state", "idle");
      const result = await execute(
        channel,
        `import psycopg
with psycopg.connect("host=/run/postgresql user=omcp_admin dbname=cdm") as c:
    assert c.execute("SELECT sum(n) FROM generate_series(1, 200000) n").fetchone() == (20000100000,)
    assert len(c.execute("SELECT repeat('y', 50) FROM generate_series(1, 200000)").fetchall()) == 200000`,
      );
      assert.ok(typeof result === "object" && result !== null && "status" in result);
      assert.equal(result.status, "ok");
    });
    const closed = database.channel.closed;
    await database.channel.request("shutdown", {}, { deadlineMs: DEADLINE_MS });
    await closed;
    const ended = await database.engine.inspectContainer(database.id);
    assert.equal(ended?.state.exitCode, 0);
  });
});

Deno.test("a second attach finds the kernel with the variables of the first", async () => {
  await withBox(
    { image: PYTHON_IMAGE, config: SANDBOX },
    async ({ engine, id, attachment, channel, event }) => {
      await event("execution_state", "idle");
      await execute(channel, "x = 41");
      channel.close("the server goes away");
      attachment.close();
      const again = await engine.attach(id);
      const drained = again.stderr.pipeTo(new WritableStream()).catch(() => {});
      try {
        const second = await Channel.open(again);
        const result = await execute(second, "assert x == 41");
        assert.ok(typeof result === "object" && result !== null && "status" in result);
        assert.equal(result.status, "ok");
        second.close("the test is over");
      } finally {
        again.close();
        await drained;
      }
    },
  );
});
