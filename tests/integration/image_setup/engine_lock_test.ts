import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { Engine } from "../../../src/docker/mod.ts";
import { LABEL_LOCK, withEngineLock } from "../../../src/image_setup/engine_lock.ts";
import { connectTestEngine } from "../../fixtures/server.ts";

/** Runs a test with a lock of its own, and checks that nothing of it is left. */
async function withLockName(test: (engine: Engine, name: string) => Promise<void>): Promise<void> {
  const engine = await connectTestEngine();
  const name = `omcp-test-lock-${crypto.randomUUID()}`;
  async function volumes(): Promise<string[]> {
    const found = await engine.listVolumes({ labels: { [LABEL_LOCK]: "" } });
    return found.map((volume) => volume.name).filter((each) => each.startsWith(name));
  }
  try {
    await test(engine, name);
    assert.deepEqual(await volumes(), []);
  } finally {
    for (const volume of await volumes()) await engine.removeVolume(volume);
    engine.close();
  }
}

Deno.test("of several programs one at a time has the engine's lock, also after its renewals", () =>
  withLockName(async (engine, name) => {
    let inside = 0;
    let done = 0;
    const options = { engine, name, deadlineMs: 60_000, leaseMs: 2000, progress: () => {} };
    await Promise.all([1, 2, 3].map(() =>
      withEngineLock(options, async () => {
        inside += 1;
        assert.equal(inside, 1);
        // Longer than a lease, without holding up the renewals.
        for (let wait = 0; wait < 30; wait++) await delay(100);
        assert.equal(inside, 1);
        inside -= 1;
        done += 1;
      })
    ));
    assert.equal(done, 3);
  }));

Deno.test("the lock of a program that was killed is void after its lease", () =>
  withLockName(async (engine, name) => {
    await engine.createVolume(`${name}-7`, {
      [LABEL_LOCK]: "killed",
      [`${LABEL_LOCK}.expires`]: String(Date.now() + 1500),
    });
    const lines: string[] = [];
    await withEngineLock(
      { engine, name, deadlineMs: 60_000, leaseMs: 5000, progress: (line) => lines.push(line) },
      async () => {
        assert.equal(await engine.inspectVolume(`${name}-7`), undefined);
        assert.notEqual(await engine.inspectVolume(`${name}-8`), undefined);
      },
    );
    assert.deepEqual(lines, ["another program provides the images; waiting for it"]);
  }));

Deno.test("a lock from another machine with a wrong clock does not last", () =>
  withLockName(async (engine, name) => {
    await engine.createVolume(`${name}-1`, {
      [LABEL_LOCK]: "of the future",
      [`${LABEL_LOCK}.expires`]: String(Date.now() + 86_400_000),
    });
    const options = { engine, name, deadlineMs: 0, leaseMs: 5000, progress: () => {} };
    assert.equal(await withEngineLock(options, () => Promise.resolve("taken")), "taken");
  }));

Deno.test("a wait for the lock ends at its deadline, and by its signal, and leaves the holder's", () =>
  withLockName(async (engine, name) => {
    const options = { engine, name, deadlineMs: 60_000, progress: () => {} };
    await withEngineLock(options, async () => {
      const other = () => Promise.reject(new Error("two hold the lock"));
      await assert.rejects(withEngineLock({ ...options, deadlineMs: 0 }, other), { code: "timeout" });
      const abort = new AbortController();
      const waiting = withEngineLock({ ...options, signal: abort.signal }, other);
      abort.abort(new Error("given up"));
      await assert.rejects(waiting, (error: Error) => !/two hold/.test(error.message));
    });
  }));

Deno.test("the lock is released when its work fails", () =>
  withLockName(async (engine, name) => {
    const options = { engine, name, deadlineMs: 1000, progress: () => {} };
    await assert.rejects(
      withEngineLock(options, () => Promise.reject(new Error("the work failed"))),
      /the work failed/,
    );
  }));
