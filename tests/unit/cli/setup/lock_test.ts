import assert from "node:assert/strict";
import { OmcpError } from "../../../../src/errors.ts";
import { setupLockPath, withLock } from "../../../../src/cli/setup/lock.ts";

async function inFolder(work: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(`${folder}/new/setup.lock`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("withLock() runs one work at a time, and reports that it waits", async () => {
  await inFolder(async (path) => {
    const order: string[] = [];
    const reported: string[] = [];
    const first = Promise.withResolvers<void>();
    const holding = Promise.withResolvers<void>();
    const one = withLock({ path, deadlineMs: 10_000, progress: () => undefined }, async () => {
      holding.resolve();
      await first.promise;
      order.push("first");
    });
    await holding.promise;
    const waiting = Promise.withResolvers<void>();
    const two = withLock({
      path,
      deadlineMs: 10_000,
      progress(text) {
        reported.push(text);
        waiting.resolve();
      },
    }, () => {
      order.push("second");
      return Promise.resolve();
    });
    await waiting.promise;
    first.resolve();
    await Promise.all([one, two]);
    assert.deepEqual(order, ["first", "second"]);
    assert.deepEqual(reported, ["another set-up is running; waiting for it"]);
  });
});

Deno.test("withLock() stops waiting at its deadline, and releases the lock when the work throws", async () => {
  await inFolder(async (path) => {
    const options = { path, deadlineMs: 1, progress: () => undefined };
    await assert.rejects(
      withLock(options, () => withLock(options, () => Promise.resolve())),
      (error: unknown) => error instanceof OmcpError && error.code === "timeout",
    );
    assert.equal(await withLock(options, () => Promise.resolve("free")), "free");
  });
});

Deno.test("withLock() reports what to do when its file cannot be opened", async () => {
  await assert.rejects(
    withLock(
      { path: "/proc/omcp/setup.lock", deadlineMs: 1, progress: () => undefined },
      () => Promise.resolve(),
    ),
    (error: unknown) =>
      error instanceof OmcpError && error.code === "config_invalid" && error.next?.includes("XDG_CACHE_HOME"),
  );
});

Deno.test("setupLockPath() prefers the cache folder of the user", () => {
  const variables = new Map([["HOME", "/home/one"], ["XDG_CACHE_HOME", "/cache"]]);
  assert.equal(setupLockPath((name) => variables.get(name)), "/cache/omcp-python-sandbox/setup.lock");
  variables.delete("XDG_CACHE_HOME");
  assert.equal(
    setupLockPath((name) => variables.get(name)),
    "/home/one/.cache/omcp-python-sandbox/setup.lock",
  );
});
