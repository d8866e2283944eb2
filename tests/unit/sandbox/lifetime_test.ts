import assert from "node:assert/strict";
import type { Removal } from "../../../src/runtime/mod.ts";
import { Expiry, EXPIRY_INTERVAL_MS } from "../../../src/sandbox/expiry.ts";
import { Lifetime } from "../../../src/sandbox/lifetime.ts";
import { FakeClock } from "../../fixtures/fake_clock.ts";

const IDLE_MS = 60_000;
const LIFETIME_MS = 600_000;

/** A container whose removal the test confirms. */
class FakeRemoval implements Removal {
  readonly reasons: string[] = [];
  isRemoved = false;
  problem = undefined;
  readonly #removed = Promise.withResolvers<void>();
  readonly removed = this.#removed.promise;

  confirm(): void {
    this.isRemoved = true;
    this.#removed.resolve();
  }

  within(): Promise<boolean> {
    return Promise.resolve(this.isRemoved);
  }
}

function lifetime(clock: FakeClock, removal = new FakeRemoval()): Lifetime {
  return new Lifetime({
    id: "sbx_1",
    container: {
      ended: new Promise(() => {}),
      remove: (reason) => {
        removal.reasons.push(reason);
        return removal;
      },
    },
    idleMs: IDLE_MS,
    lifetimeMs: LIFETIME_MS,
    clock,
  });
}

Deno.test("a sandbox expires when it was idle for too long, but not while it is busy", () => {
  const clock = new FakeClock();
  const life = lifetime(clock);
  clock.advance(IDLE_MS);
  assert.equal(life.expiryReason(false), undefined);
  clock.advance(1);
  assert.equal(life.expiryReason(false), "it was idle for 60 s");
  assert.equal(life.expiryReason(true), undefined);
  life.touch();
  assert.equal(life.expiryReason(false), undefined);
});

Deno.test("a sandbox expires when its lifetime is over, busy or not", () => {
  const clock = new FakeClock();
  const life = lifetime(clock);
  clock.advance(LIFETIME_MS + 1);
  life.touch();
  assert.equal(life.expiryReason(true), "its lifetime of 600 s is over");
});

Deno.test("a lifetime reports its times in milliseconds since the epoch", () => {
  const clock = new FakeClock();
  const life = lifetime(clock);
  const start = clock.wall();
  clock.advance(5000);
  assert.deepEqual([life.createdAt, life.lastUsedAt, life.endsAt], [start, start, start + LIFETIME_MS]);
  life.touch();
  clock.advance(1000);
  assert.equal(life.lastUsedAt, start + 5000);
});

Deno.test("a lifetime keeps its first end, repeats the removal, and resolves when the removal is confirmed", async () => {
  const removal = new FakeRemoval();
  const life = lifetime(new FakeClock(), removal);
  assert.equal(life.endError(), undefined);
  life.remove({ state: "lost", reason: "its output ended", oom: false });
  life.remove({ state: "removed", reason: "it was removed on request", oom: false });
  assert.deepEqual(removal.reasons, ["its output ended", "it was removed on request"]);
  assert.deepEqual([life.end?.state, life.isRemoved, life.expiryReason(false)], ["lost", false, undefined]);
  assert.match(life.endError()?.message ?? "", /^Sandbox sbx_1 is lost: its output ended$/);
  removal.confirm();
  await life.removed;
  assert.equal(life.isRemoved, true);
});

Deno.test("Expiry removes expired sandboxes, but not in a check that runs late", () => {
  const clock = new FakeClock();
  const expiry = new Expiry(clock);
  const removed: string[] = [];
  const sandboxes = ["it was idle for 1 s", undefined].map((expiryReason) => ({
    expiryReason,
    remove: (state: string, reason: string) => {
      removed.push(`${state}: ${reason}`);
      return new FakeRemoval();
    },
  }));
  clock.advance(2 * EXPIRY_INTERVAL_MS + 1);
  expiry.expireSandboxes(sandboxes);
  assert.deepEqual(removed, []);
  clock.advance(EXPIRY_INTERVAL_MS);
  expiry.expireSandboxes(sandboxes);
  assert.deepEqual(removed, ["expired: it was idle for 1 s"]);
});
