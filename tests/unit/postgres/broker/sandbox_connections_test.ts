import assert from "node:assert/strict";
import {
  type Admission,
  ConnectionCount,
  SandboxConnections,
} from "../../../../src/postgres/broker/sandbox_connections.ts";
import { DEFAULT_LIMITS } from "../../../../src/postgres/broker/limits.ts";

const limits = { ...DEFAULT_LIMITS, connectionsPerSandbox: 2, connectionsTotal: 3 };

function admit(connections: SandboxConnections, cancel: () => unknown = function nothing() {}): Admission {
  const admission = connections.admit(() => Promise.resolve(cancel()));
  assert.ok("key" in admission);
  return admission;
}

Deno.test("SandboxConnections.admit() keeps to the sandbox's number and to that of all", () => {
  const count = new ConnectionCount(limits);
  const [one, two] = [new SandboxConnections(limits, count), new SandboxConnections(limits, count)];
  const first = admit(one);
  admit(one);
  assert.ok("full" in one.admit(() => Promise.resolve()));
  admit(two);
  assert.ok("full" in two.admit(() => Promise.resolve()));
  first.release();
  first.release();
  assert.equal(count.open, 2);
  admit(two);
});

Deno.test("SandboxConnections.cancel() accepts only the whole key of an open connection of this sandbox", () => {
  const count = new ConnectionCount(limits);
  const [one, two] = [new SandboxConnections(limits, count), new SandboxConnections(limits, count)];
  let cancelled = 0;
  const { key, release } = admit(one, () => cancelled += 1);
  two.cancel(key.processId, key.secret);
  one.cancel(key.processId, new Uint8Array(4).fill((key.secret[0] ?? 0) ^ 1));
  one.cancel(key.processId, key.secret.subarray(0, 3));
  one.cancel(key.processId ^ 1, key.secret);
  assert.equal(cancelled, 0);
  one.cancel(key.processId, key.secret);
  assert.equal(cancelled, 1);
  release();
  one.cancel(key.processId, key.secret);
  assert.equal(cancelled, 1);
});

Deno.test("SandboxConnections.admitBeforeKept() ends kept connections that are idle: the sandbox's, or anybody's where all are taken", async () => {
  const count = new ConnectionCount(limits);
  const [one, two] = [new SandboxConnections(limits, count), new SandboxConnections(limits, count)];
  const ended: string[] = [];
  function keep(connections: SandboxConnections, name: string, idle: boolean): void {
    const { release } = admit(connections);
    const noted = connections.keep({
      idle: () => idle,
      end: () => {
        ended.push(name);
        noted[Symbol.dispose]();
        release();
        return Promise.resolve();
      },
    });
  }
  async function isAdmitted(connections: SandboxConnections): Promise<boolean> {
    return "key" in await connections.admitBeforeKept(() => Promise.resolve());
  }
  keep(two, "of two", true);
  keep(one, "busy", false);
  keep(one, "idle", true);
  assert.equal(await isAdmitted(one), true);
  assert.deepEqual(ended, ["idle"]);
  assert.equal(await isAdmitted(one), false);
  assert.equal(await isAdmitted(two), true);
  assert.equal(await isAdmitted(two), false);
  assert.deepEqual(ended, ["idle", "of two"]);
});
