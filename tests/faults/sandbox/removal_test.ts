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

/** How long a removal may take once the engine has recovered, in milliseconds. */
const REMOVAL_MS = 40_000;

const REFUSED = {
  status: 500,
  message: "could not kill: tried to kill container, but did not receive an exit event",
};

interface Scene {
  readonly manager: SandboxManager;
  readonly proxy: EngineProxy;
  /** How many containers of the manager the engine has. */
  left(): Promise<number>;
}

/** A manager whose engine can be made to fail; it may have one sandbox. */
async function withFailingEngine(test: (scene: Scene) => Promise<void>): Promise<void> {
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

const FAILURES: readonly Treatment[] = ["hang", REFUSED, "drop"];

Deno.test("a removal that fails, is cut off or gets no response is retried until the container is removed, and counts as a sandbox until then", async () => {
  // At once, each with an engine of its own: they wait most of the time.
  const outcomes = await Promise.allSettled(FAILURES.map(async (treatment) => {
    await withFailingEngine(async ({ manager, proxy, left }) => {
      const { id } = await manager.create();
      proxy.treat = (request) => isRemoval(request) ? treatment : "pass";
      const answer = await manager.remove(id);
      assert.equal(answer.removed, false);
      assert.deepEqual(states(manager), ["removing"]);
      assert.throws(() => manager.get(id), { code: "sandbox_not_found", message: /is being removed/ });
      await assert.rejects(manager.create(), { code: "capacity", state: /1 of them is being removed/ });
      assert.equal(await left(), 1);
      assert.equal((await manager.remove(id)).removed, false, "a further call waits for it, too");
      proxy.treat = () => "pass";
      await eventually(() => states(manager).includes("removed"), "it is removed", REMOVAL_MS);
      assert.equal(await left(), 0);
      assert.equal((await manager.create()).info().state, "idle");
    });
  }));
  const failed = outcomes.flatMap((outcome, at) =>
    outcome.status === "rejected" ? [[FAILURES[at], outcome.reason]] : []
  );
  assert.deepEqual(failed, []);
});

Deno.test("a repeated call retries a failed removal at once", async () => {
  await withFailingEngine(async ({ manager, proxy }) => {
    const { id } = await manager.create();
    proxy.treat = (request) => isRemoval(request) ? REFUSED : "pass";
    const { problem } = await manager.remove(id);
    assert.match(problem ?? "", /engine_failed: .*did not receive an exit event/);
    proxy.treat = () => "pass";
    assert.equal((await manager.remove(id)).removed, true);
  });
});

Deno.test("the rollback of a creation is retried, too, and counts as a sandbox until it succeeds", async () => {
  await withFailingEngine(async ({ manager, proxy, left }) => {
    proxy.treat = (request) => isRemoval(request) || request.endsWith("/start") ? REFUSED : "pass";
    await assert.rejects(manager.create(), {
      code: "engine_failed",
      state: /No sandbox was created\. Container omcp-sbx_\w+ is being removed/,
    });
    await assert.rejects(manager.create(), { code: "capacity" });
    assert.equal(await left(), 1);
    proxy.treat = () => "pass";
    await eventually(async () => await left() === 0, "nothing is left", REMOVAL_MS);
    await eventually(() => manager.create().then(() => true, () => false), "its slot is free", REMOVAL_MS);
  });
});

Deno.test("the removal of a lost or expired sandbox is retried until it succeeds", async () => {
  await withFailingEngine(async ({ manager, proxy, left }) => {
    const sandbox = await manager.create();
    proxy.treat = (request) => isRemoval(request) ? REFUSED : "pass";
    // Its channel breaks while its container keeps running.
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

Deno.test("a server that ends retries failed removals, too", async () => {
  await withFailingEngine(async ({ manager, proxy, left }) => {
    await manager.create();
    let refusals = 0;
    proxy.treat = (request) => isRemoval(request) && (refusals += 1) <= 2 ? REFUSED : "pass";
    await manager.close();
    assert.ok(refusals > 2);
    assert.equal(await left(), 0);
  });
});

Deno.test("a container that appears after its creation was given up is removed", async () => {
  const removed: string[] = [];
  const removals = new Removals({
    removeContainer: (id) => {
      removed.push(id);
      return Promise.resolve();
    },
  });
  const removal = removals.remove({ name: "omcp-test-late", mayAppear: true });
  assert.equal(await removal.within(1000), false, "it may still appear");
  assert.ok(removed.length >= 2);
  assert.deepEqual(removals.names, ["omcp-test-late"]);
  removals.close();
});

Deno.test("a hung engine is a timeout, not a cancellation, and a container that it creates late is removed", async () => {
  await withFailingEngine(async ({ manager, proxy, left }) => {
    proxy.treat = (request) => request.endsWith("/start") || request.includes("/attach") ? "hang" : "pass";
    const start = performance.now();
    await assert.rejects(manager.create(), (error) => error instanceof OmcpError && error.code === "timeout");
    assert.ok(performance.now() - start < 70_000);
    await eventually(async () => await left() === 0, "nothing is left", REMOVAL_MS);
  });
});
