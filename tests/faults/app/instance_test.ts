import assert from "node:assert/strict";
import { Engine } from "../../../src/docker/mod.ts";
import { createContainerRequest, DockerRuntime } from "../../../src/runtime/docker/mod.ts";
import { type Attachment, type CallOptions, labelsOf } from "../../../src/runtime/mod.ts";
import { imageReference } from "../../../src/images/identity.ts";
import { RawClient } from "../../fixtures/mcp/raw_client.ts";
import { docker } from "../../fixtures/docker/cli.ts";
import { withInstance } from "../../fixtures/instance_lock.ts";
import { OmcpError } from "../../../src/errors.ts";
import { engineProxy } from "../../fixtures/engine_proxy.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { runtimeOver } from "../../fixtures/sandbox_manager.ts";
import { assertNothingLeft, connectTestEngine, newInstance, PROJECT } from "../../fixtures/server.ts";

/** Starts another server of an instance, and returns what it says to a call that creates a sandbox. */
async function refusedCreation(instance: string): Promise<string> {
  const second = await RawClient.start({ OMCP_INSTANCE: instance });
  try {
    return (await second.call("create_sandbox", {})).text;
  } finally {
    assert.equal((await second.close()).code, 0, second.stderr);
  }
}

Deno.test("a second server of an instance creates and removes nothing, and the first one continues", async () => {
  const engine = await connectTestEngine();
  const client = await RawClient.start();
  try {
    const sandbox = await client.create();
    await client.run(sandbox, "kept = 41");
    const said = await refusedCreation(client.instance);
    assert.match(said, /^Error instance_in_use: Another server with OMCP_INSTANCE=test-\S+ is running/m);
    assert.match(said, /were not touched[^]*End that server and call again, set another OMCP_INSTANCE/);
    assert.match((await client.run(sandbox, "kept")).text, /41/);
    // A stopped process still holds its instance.
    Deno.kill(client.process.pid, "SIGSTOP");
    assert.match(await refusedCreation(client.instance), /^Error instance_in_use/m);
    Deno.kill(client.process.pid, "SIGCONT");
    assert.match((await client.run(sandbox, "kept")).text, /41/);
  } finally {
    await client.end();
    await assertNothingLeft(engine, client.instance);
  }
});

Deno.test("of several servers that start at once, exactly one acquires the instance", async () => {
  const engine = await connectTestEngine();
  const instance = newInstance();
  const servers = await Promise.all([1, 2, 3].map(() => RawClient.start({ OMCP_INSTANCE: instance })));
  try {
    const said = await Promise.all(servers.map((server) => server.call("create_sandbox", {})));
    assert.equal(said.filter(({ isError }) => !isError).length, 1);
    for (const { isError, text } of said) if (isError) assert.match(text, /^Error instance_in_use/);
    const holder = servers[said.findIndex(({ isError }) => !isError)];
    await holder?.end();
    // Its call tries again: the instance is free now.
    const [next] = servers.filter((server) => server !== holder);
    await next?.create();
  } finally {
    for (const server of servers) await server.end();
    await assertNothingLeft(engine, instance);
  }
});

Deno.test("servers without an instance name do not affect each other", async () => {
  const clients = await Promise.all([1, 2].map(() => RawClient.start({ OMCP_INSTANCE: "" })));
  for (const client of clients) assert.equal((await client.close()).code, 0, client.stderr);
});

Deno.test("of ten attempts at once exactly one acquires the lock, and another can after its release", async () => {
  await withInstance(async ({ acquire }) => {
    for (let round = 0; round < 2; round += 1) {
      const taken = await Promise.allSettled(Array.from({ length: 10 }, () => acquire({ waitMs: 1000 })));
      const held = taken.flatMap((attempt) => attempt.status === "fulfilled" ? [attempt.value] : []);
      assert.equal(held.length, 1);
      for (const attempt of taken) {
        if (attempt.status === "rejected") assert.equal(attempt.reason.code, "instance_in_use");
      }
      await held[0]?.release();
    }
  });
});

Deno.test("a lock that was created and never started can be acquired; a paused one is in use", async () => {
  await withInstance(async ({ engine, instance, name, acquire, assertInUse }) => {
    await engine.createContainer({
      Image: imageReference("python"),
      Entrypoint: ["python3", "-c", "import sys; sys.stdin.read()"],
      Cmd: [],
      OpenStdin: true,
      StdinOnce: true,
      Labels: labelsOf({ instance, role: "lock", name: instance, version: "0" }),
      HostConfig: { AutoRemove: true, NetworkMode: "none" },
    }, { name });
    const lock = await acquire();
    await assertInUse();
    await docker("pause", name);
    // With the usual wait, which is longer than another server may take to start its lock.
    await assert.rejects(acquire(), { code: "instance_in_use" });
    await docker("unpause", name);
    await lock.release();
    await (await acquire()).release();
  });
});

Deno.test("a lock whose container ends while it is being attached is acquired with the next container, not held", async () => {
  for (const moment of ["before", "after"] as const) {
    await withInstance(async ({ engine, name, acquire, assertInUse }) => {
      /** Its first container ends before or after its attach. */
      class Ending extends DockerRuntime {
        ended: string | undefined;

        override async attach(id: string, call?: CallOptions): Promise<Attachment> {
          if (this.ended !== undefined) return await super.attach(id, call);
          this.ended = id;
          if (moment === "before") await engine.removeContainer(id);
          const attachment = await super.attach(id, call);
          await engine.removeContainer(id);
          return attachment;
        }
      }
      const runtime = new Ending(engine);
      await acquire({ runtime });
      const { id, state } = await engine.inspectContainer(name);
      assert.equal(state.status, "running");
      assert.notEqual(id, runtime.ended);
      await assertInUse();
    });
  }
});

Deno.test("acquire() waits for a holder that is ending", async () => {
  await withInstance(async ({ acquire }) => {
    const lock = await acquire();
    const next = acquire();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await lock.release();
    await next;
  });
});

Deno.test("a holder reacquires a lock that was removed by hand, or whose attach broke", async () => {
  await using proxy = await engineProxy();
  const through = await Engine.connect({ host: proxy.host });
  await withInstance(async ({ engine, name, acquire, assertInUse }) => {
    await acquire({ runtime: new DockerRuntime(through) });
    const id = async (): Promise<string> =>
      // One that is created and not started is anybody's to start.
      await engine.inspectContainer(name).then(({ id, state }) => state.running ? id : "", () => "");
    const first = await id();
    await engine.removeContainer(name);
    await eventually(async () => !["", first].includes(await id()), "it is reacquired");
    await assertInUse();
    // Like a restart of the engine: attaches end, and for a while it does not respond.
    const second = await id();
    proxy.treat = () => "drop";
    proxy.cut();
    await eventually(async () => await id() === "", "the lock is gone");
    await new Promise((resolve) => setTimeout(resolve, 1000));
    proxy.treat = () => "pass";
    await eventually(async () => !["", first, second].includes(await id()), "it is reacquired");
    await assertInUse();
  });
  through.close();
});

Deno.test("a holder whose attach broke reacquires its lock although the container still runs, and its removal fails at first", async () => {
  await withInstance(async ({ engine, name, acquire, assertInUse }) => {
    // Like an engine whose containers keep running over its restart: it does not end their stdin.
    let cut: (() => void) | undefined;
    let failures = 0;
    const runtime = runtimeOver(engine, {
      createContainer: (spec, options) =>
        engine.createContainer({ ...createContainerRequest(spec), StdinOnce: false }, options),
      // As on a busy machine, a removal takes longer than it may: the container is still there afterwards.
      removeContainer: (id, options) => {
        failures += 1;
        if (failures === 1) return Promise.reject(new OmcpError("timeout", "The removal took too long"));
        return engine.removeContainer(id, options);
      },
      attach: async (id, call) => {
        const attachment = await engine.attach(id, call);
        cut = () => attachment.close();
        return attachment;
      },
    });
    await acquire({ runtime, onLost: () => assert.fail("no other server acquired it") });
    const first = await engine.inspectContainer(name);
    cut?.();
    await eventually(
      () => engine.inspectContainer(name).then(({ id }) => id !== first.id, () => false),
      "it is reacquired",
      20_000,
    );
    await assertInUse();
  });
});

Deno.test("onLost() reports a lock that another server acquired", async () => {
  await using proxy = await engineProxy();
  const through = await Engine.connect({ host: proxy.host });
  await withInstance(async ({ acquire }) => {
    const lost = Promise.withResolvers<Error>();
    await acquire({ runtime: new DockerRuntime(through), onLost: lost.resolve, waitMs: 500 });
    proxy.treat = () => "drop";
    proxy.cut();
    await acquire();
    proxy.treat = () => "pass";
    assert.match((await lost.promise).message, /^Another server with OMCP_INSTANCE=/);
  });
  through.close();
});

Deno.test("a lock ends by its lease where the engine does not notice its holder's end", async () => {
  await withInstance(async ({ engine, instance, name }) => {
    // The lock's own program, with a stdin that no attach holds open and the engine does not end.
    const source = await Deno.readTextFile(`${PROJECT}/src/runtime/instance_lock.py`);
    const id = await engine.createContainer({
      Image: imageReference("python"),
      Entrypoint: ["python3", "-I", "-S", "-c", source.replace("patience = 20.0", "patience = 1.0"), "1"],
      Cmd: [],
      OpenStdin: true,
      Labels: labelsOf({ instance, role: "lock", name: instance, version: "0" }),
      HostConfig: { AutoRemove: true, NetworkMode: "none" },
    }, { name });
    await engine.startContainer(id);
    await eventually(
      () => engine.inspectContainer(id).then(() => false, () => true),
      "the lock is gone",
      15_000,
    );
  });
});

Deno.test("a server that is killed right after it has started its lock leaves none that runs", async () => {
  await withInstance(async ({ engine, acquire }) => {
    await using proxy = await engineProxy();
    const through = await Engine.connect({ host: proxy.host });
    /** Its connections break when its container has started, as those of a process that is killed. */
    class Killed extends DockerRuntime {
      override async startContainer(id: string): Promise<void> {
        await engine.startContainer(id);
        proxy.treat = () => "drop";
        proxy.cut();
        throw new Error("killed");
      }
    }
    await assert.rejects(acquire({ runtime: new Killed(through) }));
    // Within the usual wait.
    await acquire();
    through.close();
  });
});

Deno.test("a container of the lock's name that this program did not create is not touched", async () => {
  await withInstance(async ({ engine, name, acquire }) => {
    const id = await engine.createContainer({ Image: "debian:trixie-slim", Cmd: ["true"] }, { name });
    try {
      await assert.rejects(acquire(), { code: "instance_in_use", message: /this program did not create/ });
      assert.equal((await engine.inspectContainer(id)).state.status, "created");
    } finally {
      await engine.removeContainer(id);
    }
  });
});
