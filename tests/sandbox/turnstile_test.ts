import assert from "node:assert/strict";
import { OmcpError } from "../../src/errors.ts";
import { Turnstile } from "../../src/sandbox/turnstile.ts";

const never = new AbortController().signal;

Deno.test("Turnstile lets callers through in the order they came", async () => {
  const turnstile = new Turnstile(1, 10);
  const order: number[] = [];
  const leave = await turnstile.enter(never);
  const waiting = [1, 2, 3].map(async (n) => {
    const done = await turnstile.enter(never);
    order.push(n);
    done();
  });
  assert.equal(turnstile.busy, true);
  leave();
  await Promise.all(waiting);
  assert.deepEqual(order, [1, 2, 3]);
  assert.equal(turnstile.busy, false);
});

Deno.test("Turnstile refuses when too many wait", async () => {
  const turnstile = new Turnstile(1, 1);
  const leave = await turnstile.enter(never);
  const second = turnstile.enter(never);
  await assert.rejects(
    turnstile.enter(never),
    (error) => error instanceof OmcpError && error.code === "capacity",
  );
  leave();
  (await second)();
});

Deno.test("Turnstile forgets a caller that gave up, and its place goes to the next", async () => {
  const turnstile = new Turnstile(1, 10);
  const leave = await turnstile.enter(never);
  const controller = new AbortController();
  const given = turnstile.enter(controller.signal);
  const next = turnstile.enter(never);
  controller.abort(new Error("gone"));
  await assert.rejects(given, /gone/);
  leave();
  leave(); // Leaving twice frees one place.
  (await next)();
  assert.equal(turnstile.busy, false);
});
