/** Sandboxes that are started ahead, over a runtime in memory. */
import assert from "node:assert/strict";
import { OmcpError } from "../../../src/errors.ts";
import { DEFAULT_POLICY, type SandboxManager, type SandboxManagerOptions } from "../../../src/sandbox/mod.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { FakeClock } from "../../fixtures/fake_clock.ts";
import { settled, withManager } from "../../fixtures/fake_manager.ts";
import { executionState, type FakeRuntime, OK_RESULT } from "../../fixtures/fake_runtime.ts";

const MINUTE = 60_000;
const MIB = 1024 * 1024;

interface Scene {
  readonly manager: SandboxManager;
  readonly runtime: FakeRuntime;
  readonly clock: FakeClock;
  /** The image that the name of the default one means. */
  image: string;
  /** What the next agents answer to `status`. */
  state: "idle" | "dead" | "silent";
  /** How often agents were asked for their status. */
  asked: number;
  /** Names of all containers. */
  names(): readonly string[];
  /** Creates a sandbox, and waits until the pool is full again. */
  createAndFill(ready?: number): Promise<string>;
}

async function withPool(
  test: (scene: Scene) => Promise<void>,
  { size = 1, ...options }: Partial<SandboxManagerOptions> & { readonly size?: number } = {},
): Promise<void> {
  const clock = new FakeClock();
  let scene: Scene | undefined;
  await withManager(async (manager, runtime) => {
    const own: Scene = {
      manager,
      runtime,
      clock,
      image: "sha256:1",
      state: "idle",
      asked: 0,
      names: () => [...runtime.containers.values()].map(({ name }) => name),
      async createAndFill(ready = size) {
        const { id } = await manager.create();
        await filled(manager, ready);
        return id;
      },
    };
    scene = own;
    runtime.reply = (method) => {
      if (method !== "status") return { result: OK_RESULT };
      own.asked += 1;
      if (own.state === "silent") return undefined;
      return { result: { execution_state: own.state, background_processes: 0 } };
    };
    await test(own);
  }, {
    clock,
    maxSandboxes: 4,
    idleMs: 1000 * MINUTE,
    lifetimeMs: 60 * MINUTE,
    pool: { size, quietMs: 0, imageId: () => Promise.resolve(scene?.image ?? "") },
    ...options,
  });
}

/** Waits until a pool has this many sandboxes. */
async function filled(manager: SandboxManager, ready = 1): Promise<void> {
  await eventually(() => manager.pool.ready === ready, `the pool has ${ready}`);
}

Deno.test("the pool is empty before the first creation, then has a sandbox that the next creation takes", async () => {
  await withPool(async ({ manager, createAndFill, names }) => {
    assert.deepEqual(names(), []);
    const first = await createAndFill();
    assert.deepEqual(manager.pool, { size: 1, ready: 1, creations: 1, hits: 0 });
    const [, ahead] = names();
    assert.deepEqual(manager.list().map(({ sandboxId }) => sandboxId), [first], "no user sees it");
    const { id } = await manager.create();
    assert.equal(`omcp-${id}`, ahead);
    assert.deepEqual(manager.pool, { size: 1, ready: 0, creations: 2, hits: 1 });
    await filled(manager);
    assert.equal(names().length, 3);
  });
});

Deno.test("a sandbox's age and idle time begin when it is handed out", async () => {
  await withPool(async ({ manager, clock, createAndFill }) => {
    await createAndFill();
    clock.advance(9 * MINUTE);
    const sandbox = await manager.create({ idleMs: 7 * MINUTE });
    assert.equal(manager.pool.hits, 1);
    assert.equal(sandbox.timeLeft.remainingMs, 60 * MINUTE);
    const { createdAt, idleMs, cells } = sandbox.info();
    assert.deepEqual([createdAt, idleMs, cells], [clock.wall(), 7 * MINUTE, 0]);
  });
});

Deno.test("a creation with other resources gets a new sandbox, and one with the default resources a ready one", async () => {
  await withPool(async ({ manager, createAndFill, names }) => {
    await createAndFill();
    await manager.create({ cpus: 0.5 });
    await manager.create({ memoryBytes: DEFAULT_POLICY.memoryBytes - 512 * MIB });
    assert.deepEqual([manager.pool.hits, manager.pool.ready, names().length], [0, 1, 4]);
    const { memoryBytes, cpus } = DEFAULT_POLICY;
    const sandbox = await manager.create({ memoryBytes, cpus });
    assert.equal(manager.pool.hits, 1);
    assert.equal(sandbox.info().asked.memoryBytes, memoryBytes);
  });
});

Deno.test("a creation without room takes the sandbox that was started ahead, or its room", async () => {
  await withPool(async ({ manager, createAndFill, names }) => {
    await createAndFill();
    await manager.create({ cpus: 0.5 });
    assert.deepEqual([manager.pool.hits, manager.pool.ready, names().length], [0, 0, 2]);
    await assert.rejects(manager.create(), { code: "capacity", message: /at most 2 may exist/ });
  }, { maxSandboxes: 2 });
  await withPool(async ({ manager, createAndFill }) => {
    await createAndFill();
    await manager.create();
    assert.equal(manager.pool.hits, 1);
    await assert.rejects(manager.create(), { code: "capacity" });
  }, { maxSandboxes: 2 });
});

Deno.test("to make room for a large sandbox, enough sandboxes that were started ahead are removed, before any in use", async () => {
  const { memoryBytes } = DEFAULT_POLICY;
  await withPool(async ({ manager, clock, createAndFill, names }) => {
    const first = await createAndFill();
    clock.advance(9 * MINUTE);
    const large = { memoryBytes: 2 * memoryBytes };
    await manager.create(large);
    assert.deepEqual([manager.pool.ready, names().length], [1, 3]);
    assert.equal(manager.get(first).id, first, "the one in use is kept");
    // With no room left, the last one goes, and the oldest user's as well.
    await manager.create({ memoryBytes });
    clock.advance(20 * MINUTE);
    await manager.create({ memoryBytes });
    assert.throws(() => manager.get(first), { message: /removed for a new sandbox/ });
  }, { size: 3, maximum: { memoryBytes: 2 * memoryBytes, cpus: 1 } });
});

for (
  const [what, spoil] of [
    ["that has ended", ({ runtime, names }: Scene) => {
      const { agent, name } = last(runtime);
      agent.end();
      return settled(() => !names().includes(name));
    }],
    ["whose agent does not answer", (scene: Scene) => void (scene.state = "silent")],
    ["that has no kernel", (scene: Scene) => void (scene.state = "dead")],
    ["whose service has failed", ({ runtime }: Scene) => {
      const error = { code: "relay_failed", message: "broken on purpose" };
      last(runtime).agent.emit(0, { type: "service_state", service: "postgres", state: "failed", error });
    }],
    ["whose image has been built again", (scene: Scene) => void (scene.image = "sha256:2")],
  ] as const
) {
  Deno.test(`a sandbox ${what} is not handed out, but removed`, async () => {
    await withPool(async (scene) => {
      const { manager, clock, createAndFill, names } = scene;
      await createAndFill();
      const ahead = names()[1] ?? "";
      await spoil(scene);
      // An earlier check may have found it ready.
      clock.advance(2001);
      const { id } = await manager.create();
      assert.notEqual(`omcp-${id}`, ahead);
      await settled(() => !names().includes(ahead));
    }, { maxSandboxes: 2 });
  });
}

Deno.test("a sandbox that was found ready within the last two seconds is handed out without a question", async () => {
  await withPool(async (scene) => {
    const { manager, createAndFill } = scene;
    await createAndFill();
    await eventually(() => scene.asked > 1, "the first check has ended, because the second one has begun");
    // From now on an answer takes too long.
    scene.state = "silent";
    await manager.create();
    assert.equal(manager.pool.hits, 1);
  });
});

function broken(): OmcpError {
  return new OmcpError("engine_failed", "Broken on purpose", { details: { status: 500 } });
}

function last(runtime: FakeRuntime) {
  const container = [...runtime.containers.values()].at(-1);
  assert.ok(container);
  return container;
}

Deno.test("a creation waits for a sandbox that is being started ahead; if that fails, it gets another", async () => {
  for (const fails of [false, true]) {
    await withPool(async ({ manager, runtime, names }) => {
      await manager.create();
      const reached = Promise.withResolvers<void>();
      const go = Promise.withResolvers<void>();
      runtime.beforeCreate = () => {
        runtime.beforeCreate = () => Promise.resolve();
        reached.resolve();
        return go.promise;
      };
      await reached.promise;
      const creation = manager.create();
      if (fails) go.reject(broken());
      else go.resolve();
      await creation;
      assert.equal(manager.pool.hits, fails ? 0 : 1);
      assert.equal(names().length, 2);
    });
  }
});

Deno.test("a cancelled creation does not use up a sandbox that was started ahead", async () => {
  await withPool(async (scene) => {
    const { manager, clock, createAndFill, names } = scene;
    await createAndFill();
    scene.state = "silent";
    clock.advance(2001);
    const controller = new AbortController();
    const creation = manager.create({ signal: controller.signal });
    await new Promise((resolve) => setTimeout(resolve, 0));
    controller.abort();
    await assert.rejects(creation, { code: "cancelled", state: /nothing was left behind/ });
    await settled(() => names().length === 1);
  });
});

Deno.test("failures of starts ahead reach no caller", async () => {
  await withPool(async ({ manager, runtime, createAndFill }) => {
    const tried = Promise.withResolvers<void>();
    runtime.beforeCreate = () => {
      runtime.beforeCreate = () => {
        tried.resolve();
        throw broken();
      };
      return Promise.resolve();
    };
    const { id } = await manager.create();
    await tried.promise;
    assert.equal(manager.get(id).id, id);
    runtime.beforeCreate = () => Promise.resolve();
    await createAndFill(0);
    assert.equal(manager.pool.hits, 0);
  });
});

Deno.test("after ten minutes without a creation the pool is emptied, and filled again after the next", async () => {
  await withPool(async ({ manager, clock, createAndFill, names }) => {
    await createAndFill();
    clock.advance(10 * MINUTE + 1);
    await eventually(() => names().length === 1, "the pool is emptied");
    assert.equal(manager.pool.ready, 0);
    await createAndFill();
    assert.deepEqual(manager.pool, { size: 1, ready: 1, creations: 2, hits: 0 });
  });
});

Deno.test("a manager that closes removes what was started ahead, also what is being started", async () => {
  await withPool(async ({ manager, runtime, createAndFill }) => {
    await createAndFill(2);
    const reached = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    runtime.beforeCreate = () => {
      reached.resolve();
      return go.promise;
    };
    await manager.create();
    await reached.promise;
    const closing = manager.close();
    go.resolve();
    await closing;
    assert.equal(runtime.containers.size, 0);
  }, { size: 2 });
});

Deno.test("a pool of size 0 starts nothing", async () => {
  await withPool(async ({ manager, runtime, names }) => {
    runtime.kernelState = "starting";
    const { id } = await manager.create();
    last(runtime).agent.emit(0, executionState("idle"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(names(), [`omcp-${id}`]);
  }, { size: 0 });
});
