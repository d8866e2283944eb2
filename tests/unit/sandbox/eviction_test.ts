/** What happens when a sandbox is created and there is no room. */
import assert from "node:assert/strict";
import type { OmcpError } from "../../../src/errors.ts";
import type { Eviction, SandboxManager } from "../../../src/sandbox/mod.ts";
import { Slots } from "../../../src/sandbox/slots.ts";
import { FakeClock } from "../../fixtures/fake_clock.ts";
import { settled, withManager } from "../../fixtures/fake_manager.ts";
import { type FakeRuntime, OK_RESULT } from "../../fixtures/fake_runtime.ts";

const MINUTE = 60_000;
const CELL = { timeoutMs: 30_000, outputBytes: 1000 };

interface Scene {
  readonly manager: SandboxManager;
  readonly runtime: FakeRuntime;
  readonly clock: FakeClock;
  /** Creates a sandbox and returns what was removed for it. */
  create(): Promise<{ readonly id: string; readonly evicted: Eviction | undefined }>;
}

async function withScene(maxSandboxes: number, test: (scene: Scene) => Promise<void>): Promise<void> {
  const clock = new FakeClock();
  await withManager(async (manager, runtime) => {
    async function create() {
      let evicted: Eviction | undefined;
      const { id } = await manager.create({ onEvict: (eviction) => evicted = eviction });
      return { id, evicted };
    }
    await test({ manager, runtime, clock, create });
  }, { maxSandboxes, idleMs: 600 * MINUTE, lifetimeMs: 1200 * MINUTE, clock });
}

function ids(manager: SandboxManager): string[] {
  return manager.list().map(({ sandboxId }) => sandboxId);
}

Deno.test("at capacity a new sandbox replaces the one that has been unused for the longest", async () => {
  await withScene(3, async ({ manager, clock, create }) => {
    const [first, second, third] = [await create(), await create(), await create()];
    clock.advance(5 * MINUTE);
    // A use by a call, and one by a cell: the second has now been unused for longer than the others.
    manager.get(first.id);
    await manager.get(third.id).execute("1", CELL);
    clock.advance(15 * MINUTE);
    const { id, evicted } = await create();
    assert.deepEqual(evicted, { sandboxId: second.id, unusedMs: 20 * MINUTE });
    assert.deepEqual(ids(manager), [first.id, third.id, id]);
    assert.throws(() => manager.get(second.id), {
      code: "sandbox_not_found",
      message: /has been removed: it was removed for a new sandbox after 20 min without a call$/,
    });
  });
});

Deno.test("a sandbox unused for less than 15 minutes, and one that a cell uses, are never replaced", async () => {
  await withScene(2, async ({ manager, runtime, clock, create }) => {
    const busy = await create();
    const done = Promise.withResolvers<void>();
    let begun = false;
    runtime.reply = async () => {
      begun = true;
      await done.promise;
      return { result: OK_RESULT };
    };
    const cell = manager.get(busy.id).execute("1", CELL);
    await settled(() => begun);
    clock.advance(100 * MINUTE);
    await create();
    clock.advance(15 * MINUTE - 1);
    await assert.rejects(create(), { code: "capacity", next: /without a call|has used for 15 min/ });
    clock.advance(1);
    assert.notEqual((await create()).evicted, undefined);
    assert.ok(ids(manager).includes(busy.id));
    await assert.rejects(create(), { code: "capacity" });
    done.resolve();
    await cell;
  });
});

Deno.test("the new sandbox starts only when the container of the replaced one is gone", async () => {
  await withScene(1, async ({ manager, runtime, clock, create }) => {
    const old = await create();
    clock.advance(15 * MINUTE);
    runtime.fail = (call) => {
      if (call === "removeContainer") throw new Error("Broken on purpose");
    };
    const creation = create();
    await settled(() => manager.list()[0]?.state === "removing");
    assert.deepEqual([...runtime.containers.values()].map(({ name }) => name), [`omcp-${old.id}`]);
    await assert.rejects(create(), { code: "capacity", state: /1 of them is being removed/ });
    runtime.fail = () => {};
    await manager.remove(old.id);
    const { id } = await creation;
    assert.deepEqual(ids(manager), [id]);
  });
});

Deno.test("two creations at once replace a sandbox each, or one fails: never two for one place", async () => {
  await withScene(2, async ({ manager, clock, create }) => {
    const [first, second] = [await create(), await create()];
    clock.advance(20 * MINUTE);
    manager.get(second.id);
    const [a, b] = await Promise.allSettled([create(), create()]);
    assert.equal(a.status === "fulfilled" && a.value.evicted?.sandboxId, first.id);
    assert.equal(b.status === "rejected" && b.reason.code, "capacity");
    clock.advance(20 * MINUTE);
    const both = await Promise.all([create(), create()]);
    assert.equal(new Set(both.map(({ evicted }) => evicted?.sandboxId)).size, 2);
    assert.equal(ids(manager).length, 2);
  });
});

Deno.test("while a sandbox is being removed anyway, no other is removed for a new one", async () => {
  await withScene(2, async ({ manager, runtime, clock, create }) => {
    const [first, second] = [await create(), await create()];
    clock.advance(20 * MINUTE);
    runtime.fail = (call) => {
      if (call === "removeContainer") throw new Error("Broken on purpose");
    };
    const removal = manager.remove(first.id);
    await settled(() => manager.list()[0]?.state === "removing");
    await assert.rejects(create(), { code: "capacity", next: /Try again when they are removed/ });
    assert.equal(manager.list()[1]?.sandboxId, second.id);
    assert.equal(manager.list()[1]?.state, "idle");
    runtime.fail = () => {};
    await manager.remove(first.id);
    await removal;
    assert.equal((await create()).evicted, undefined);
  });
});

Deno.test("a creation that fails, or is cancelled while it waits for room, says what was removed for it and frees the place", async () => {
  await withScene(1, async ({ manager, runtime, clock, create }) => {
    const old = await create();
    clock.advance(15 * MINUTE);
    runtime.fail = (call) => {
      if (call === "removeContainer") throw new Error("Broken on purpose");
    };
    const controller = new AbortController();
    const waiting = manager.create({ signal: controller.signal });
    await settled(() => manager.list()[0]?.state === "removing");
    controller.abort();
    await assert.rejects(waiting, (error: OmcpError) => {
      assert.equal(error.code, "cancelled");
      assert.equal(
        error.state,
        `No sandbox was created; nothing was left behind. Sandbox ${old.id} had been removed for it, after 15 min without a call.`,
      );
      return true;
    });
    await assert.rejects(create(), { code: "capacity" });
    runtime.fail = () => {};
    await manager.remove(old.id);
    const next = await create();
    clock.advance(15 * MINUTE);
    runtime.fail = (call) => {
      if (call === "attach") throw new Error("Broken on purpose");
    };
    await assert.rejects(create());
    runtime.fail = () => {};
    assert.throws(() => manager.get(next.id), /removed for a new sandbox/);
    await settled(() => runtime.containers.size === 0);
    assert.equal((await create()).evicted, undefined);
  });
});

Deno.test("a slot that replaces another counts with the larger memory until the old container is removed", async () => {
  const slots = new Slots({ maxSandboxes: 2, memoryBytes: 100 });
  const old = slots.take(60);
  assert.deepEqual([slots.fits(40), slots.fits(41), slots.fits(41, old)], [true, false, true]);
  const removed = Promise.withResolvers<void>();
  const slot = slots.replace([old], 10, removed.promise);
  old.release();
  assert.deepEqual([slots.count, slots.memoryBytes, slots.fits(50)], [1, 60, false]);
  removed.resolve();
  await removed.promise;
  await Promise.resolve();
  assert.deepEqual([slots.count, slots.memoryBytes, slots.fits(90)], [1, 10, true]);
  slot.release();
  assert.deepEqual([slots.count, slots.memoryBytes], [0, 0]);
});
