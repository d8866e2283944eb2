import assert from "node:assert/strict";
import { OmcpError } from "../../../src/errors.ts";
import { Semaphore } from "../../../src/lib/async/semaphore.ts";

const never = new AbortController().signal;

function release(permit: Disposable): void {
  permit[Symbol.dispose]();
}

Deno.test("Semaphore gives permits in the order of the calls", async () => {
  const semaphore = new Semaphore(1, 10);
  const order: number[] = [];
  const permit = await semaphore.acquire(never);
  const waiting = [1, 2, 3].map(async (n) => {
    using _permit = await semaphore.acquire(never);
    order.push(n);
  });
  assert.equal(semaphore.busy, true);
  release(permit);
  await Promise.all(waiting);
  assert.deepEqual(order, [1, 2, 3]);
  assert.equal(semaphore.busy, false);
});

Deno.test("Semaphore refuses a caller when its queue is full", async () => {
  const semaphore = new Semaphore(1, 1);
  const permit = await semaphore.acquire(never);
  const second = semaphore.acquire(never);
  await assert.rejects(
    semaphore.acquire(never),
    (error) => error instanceof OmcpError && error.code === "capacity",
  );
  release(permit);
  release(await second);
});

Deno.test("Semaphore skips a waiting caller that aborts, and gives the permit to the next", async () => {
  const semaphore = new Semaphore(1, 10);
  const permit = await semaphore.acquire(never);
  const controller = new AbortController();
  const given = semaphore.acquire(controller.signal);
  const next = semaphore.acquire(never);
  controller.abort(new Error("gone"));
  await assert.rejects(given, /gone/);
  release(permit);
  release(permit); // A second release does nothing.
  release(await next);
  assert.equal(semaphore.busy, false);
});

Deno.test("Semaphore gives the permit to the next caller if it is released in the same tick as an abort", async () => {
  const semaphore = new Semaphore(1, 10);
  const permit = await semaphore.acquire(never);
  const controller = new AbortController();
  const given = semaphore.acquire(controller.signal);
  const next = semaphore.acquire(never);
  controller.abort(new Error("gone"));
  release(permit);
  await assert.rejects(given, /gone/);
  release(await next);
  assert.equal(semaphore.busy, false);
});
