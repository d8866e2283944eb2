import assert from "node:assert/strict";
import { Engine } from "../../../src/docker/mod.ts";
import { OmcpError } from "../../../src/errors.ts";
import { DockerRuntime } from "../../../src/runtime/docker/mod.ts";
import { Removals } from "../../../src/runtime/mod.ts";
import type { SandboxManager } from "../../../src/sandbox/mod.ts";
import { type EngineProxy, engineProxy, type Treatment } from "../../fixtures/engine_proxy.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { sandboxManager } from "../../fixtures/sandbox_manager.ts";
import { assertNothingLeft, connectTestEngine, containersOf, newInstance } from "../../fixtures/server.ts";

/** How long a removal may take to come about once the engine is well again, in milliseconds. */
const REMOVAL_MS = 40_000;

const REFUSED = {
  status: 500,
  message: "could not kill: tried to kill container, but did not receive an exit event",
};

interface Ill {
  readonly manager: SandboxManager;
  readonly proxy: EngineProxy;
  /** Containers of the manager's in the engine. */
  left(): Promise<number>;
}

/** A manager whose engine can be made ill; it may hold one sandbox. */
async function withIllEngine(test: (ill: Ill) => Promise<void>): Promise<void> {
  await using proxy = await engineProxy();
  const [engine, through] = [await connectTestEngine(), await Engine.connect({ host: proxy.host })];
  const instance = newInstance();
  const manager = sandboxManager(new DockerRuntime(through), instance);
  try {
    await test({ manager, proxy, left: async () => (await containersOf(engine, instance)).length });
  } finally {
    proxy.treat = () => "pass";
    await manager.close();
    through.close();
    await assertNothingLeft(engine, instance);
  }
}

function isRemoval(request: string): boolean {
  return request.startsWith("DELETE ") && request.includes("/containers/");
}

function states(manager: SandboxManager): string[] {
  return manager.list(true).map(({ state }) => state);
}

const ILLNESSES: Readonly<Record<string, Treatment>> = {
  "is never answered": "hang",
  "fails": REFUSED,
  "is cut off": "drop",
};

for (const [what, treatment] of Object.entries(ILLNESSES)) {
  Deno.test(`a removal that ${what} goes on until the container is gone, and its place is taken until then`, async () => {
    await withIllEngine(async ({ manager, proxy, left }) => {
      const { id } = await manager.create();
      proxy.treat = (request) => isRemoval(request) ? treatment : "pass";
      const answer = await manager.remove(id);
      assert.equal(answer.removed, false);
      assert.deepEqual(states(manager), ["removing"]);
      assert.throws(() => manager.get(id), { code: "sandbox_not_found", message: /is being removed/ });
      await assert.rejects(manager.create(), { code: "capacity", state: /1 of them is being removed/ });
      assert.equal(await left(), 1);
      assert.equal((await manager.remove(id)).removed, false, "a further call waits with it");
      proxy.treat = () => "pass";
      await eventually(() => states(manager).includes("removed"), "it is removed", REMOVAL_MS);
      assert.equal(await left(), 0);
      assert.equal((await manager.create()).info().state, "idle");
    });
  });
}

Deno.test("a removal that is asked for again is tried again at once", async () => {
  await withIllEngine(async ({ manager, proxy }) => {
    const { id } = await manager.create();
    proxy.treat = (request) => isRemoval(request) ? REFUSED : "pass";
    const { problem } = await manager.remove(id);
    assert.match(problem ?? "", /engine_failed: .*did not receive an exit event/);
    proxy.treat = () => "pass";
    assert.equal((await manager.remove(id)).removed, true);
  });
});

Deno.test("the rollback of a creation goes on, too, and its place is taken until then", async () => {
  await withIllEngine(async ({ manager, proxy, left }) => {
    proxy.treat = (request) => isRemoval(request) || request.endsWith("/start") ? REFUSED : "pass";
    await assert.rejects(manager.create(), {
      code: "engine_failed",
      state: /No sandbox was created\. Container omcp-sbx_\w+ is being removed/,
    });
    await assert.rejects(manager.create(), { code: "capacity" });
    assert.equal(await left(), 1);
    proxy.treat = () => "pass";
    await eventually(async () => await left() === 0, "nothing is left", REMOVAL_MS);
    await eventually(() => manager.create().then(() => true, () => false), "its place is free", REMOVAL_MS);
  });
});

Deno.test("a sandbox that was lost, or expired, is removed until it is gone", async () => {
  await withIllEngine(async ({ manager, proxy, left }) => {
    const sandbox = await manager.create();
    proxy.treat = (request) => isRemoval(request) ? REFUSED : "pass";
    // Its channel breaks: the container runs on.
    proxy.cut();
    await eventually(() => states(manager).includes("removing"), "it is being removed", REMOVAL_MS);
    assert.throws(() => manager.get(sandbox.id), { code: "sandbox_lost" });
    await assert.rejects(manager.create(), { code: "capacity" });
    assert.equal(await left(), 1);
    proxy.treat = () => "pass";
    await eventually(() => states(manager).includes("lost"), "it is lost", REMOVAL_MS);
    const idle = await manager.create({ idleMs: 10 });
    proxy.treat = (request) => isRemoval(request) ? "hang" : "pass";
    await eventually(() => states(manager).includes("removing"), "it is being removed", REMOVAL_MS);
    assert.match(manager.list()[0]?.reason ?? "", /idle/);
    proxy.treat = () => "pass";
    proxy.cut();
    await eventually(() => states(manager).includes("expired"), "it is expired", REMOVAL_MS);
    assert.equal(idle.info().state, "expired");
  });
});

Deno.test("the end of the server tries again, too", async () => {
  await withIllEngine(async ({ manager, proxy, left }) => {
    await manager.create();
    let refusals = 0;
    proxy.treat = (request) => isRemoval(request) && (refusals += 1) <= 2 ? REFUSED : "pass";
    await manager.close();
    assert.ok(refusals > 2);
    assert.equal(await left(), 0);
  });
});

Deno.test("a container that is made although its creation was given up is removed", async () => {
  const removed: string[] = [];
  const removals = new Removals({
    removeContainer: (id) => {
      removed.push(id);
      return Promise.resolve();
    },
  });
  const removal = removals.remove({ name: "omcp-test-late", mayAppear: true });
  assert.equal(await removal.within(1000), false, "its absence proves nothing yet");
  assert.ok(removed.length >= 2);
  assert.deepEqual(removals.names, ["omcp-test-late"]);
  removals.close();
});

Deno.test("a hung engine is a timeout, not a cancellation, and what it makes in the end is removed", async () => {
  await withIllEngine(async ({ manager, proxy, left }) => {
    proxy.treat = (request) => request.endsWith("/start") || request.includes("/attach") ? "hang" : "pass";
    const start = performance.now();
    await assert.rejects(manager.create(), (error) => error instanceof OmcpError && error.code === "timeout");
    assert.ok(performance.now() - start < 70_000);
    await eventually(async () => await left() === 0, "nothing is left", REMOVAL_MS);
  });
});
