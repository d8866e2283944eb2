import assert from "node:assert/strict";
import { FairQueue } from "../../../../src/postgres/guard/fair_queue.ts";

Deno.test("FairQueue.run() goes round the owners, one task at a time", async () => {
  const queue = new FairQueue();
  const order: string[] = [];
  let running = 0;
  const task = (name: string) => async (): Promise<void> => {
    running += 1;
    assert.equal(running, 1);
    await new Promise((resolve) => setTimeout(resolve, 1));
    order.push(name);
    running -= 1;
  };
  await Promise.all([
    ...["a1", "a2", "a3", "a4"].map((name) => queue.run("a", task(name))),
    ...["b1", "b2"].map((name) => queue.run("b", task(name))),
    queue.run("c", task("c1")),
  ]);
  assert.deepEqual(order, ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]);
});

Deno.test("FairQueue.run() goes on after a task that fails, and passes its error on", async () => {
  const queue = new FairQueue();
  const failing = queue.run("a", () => Promise.reject(new Error("no")));
  const next = queue.run("a", () => Promise.resolve(1));
  await assert.rejects(failing, /no/);
  assert.equal(await next, 1);
  assert.equal(await queue.run("b", () => Promise.resolve(2)), 2);
});

Deno.test("FairQueue.contended is true only while another owner waits", async () => {
  const queue = new FairQueue();
  const { promise, resolve } = Promise.withResolvers<void>();
  assert.equal(queue.contended, false);
  const running = [queue.run("a", () => promise), queue.run("a", () => promise)];
  assert.equal(queue.contended, false);
  running.push(queue.run("b", () => promise));
  assert.equal(queue.contended, true);
  resolve();
  await Promise.all(running);
  assert.equal(queue.contended, false);
});
