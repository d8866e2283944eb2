import assert from "node:assert/strict";
import { FakeClock } from "../../fixtures/fake_clock.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { withManager } from "../../fixtures/fake_manager.ts";
import { OK_RESULT } from "../../fixtures/fake_runtime.ts";
import { Preloads } from "../../../src/sandbox/preloads.ts";
import * as z from "zod";

const BOOT = z.object({ config: z.object({ kernel: z.object({ preload: z.array(z.string()) }) }) });

Deno.test("new sandboxes are told to import their modules when no other is being created", async () => {
  await withManager(async (manager, runtime) => {
    let creating = false;
    const told: boolean[] = [];
    runtime.reply = (method) => {
      if (method === "preload") told.push(creating);
      return { result: OK_RESULT };
    };
    const { promise, resolve } = Promise.withResolvers<void>();
    creating = true;
    const slow = manager.create({ prepare: () => promise });
    for (let count = 1; count <= 3; count += 1) await manager.create();
    // As long as a machine may take that has other work, and less than the longest wait.
    await new Promise((done) => setTimeout(done, 300));
    creating = false;
    resolve();
    await slow;
    await eventually(() => told.length === 4, "all are told");
    assert.deepEqual(told, [false, false, false, false]);
  }, { maxSandboxes: 4 });
});

Deno.test("creations that follow each other quickly do not postpone it beyond the longest wait", async () => {
  const clock = new FakeClock();
  const preloads = new Preloads(() => false, clock);
  const told: string[] = [];
  function add(name: string): void {
    const request = () => Promise.resolve(void told.push(name));
    preloads.add({ channel: { request }, ended: new Promise(() => {}) });
  }
  add("first");
  clock.advance(3000);
  for (let others = 0; told.length === 0 && others < 1000; others += 1) {
    add("other");
    await new Promise((done) => setTimeout(done, 1));
  }
  preloads.close();
  assert.deepEqual(told, ["first"]);
});

Deno.test("a sandbox imports the database's driver ahead only if it reaches a database", async () => {
  const found: boolean[] = [];
  for (const options of [{}, { postgresConnections: () => () => {} }]) {
    await withManager(async (manager, runtime) => {
      await manager.create();
      const boot = BOOT.parse(JSON.parse(runtime.only.agent.boot));
      found.push(boot.config.kernel.preload.includes("psycopg"));
    }, options);
  }
  assert.deepEqual(found, [false, true]);
});
