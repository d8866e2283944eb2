/** A sandbox sends the largest and the most messages that it can: the server keeps answering others, and does not grow. */
import assert from "node:assert/strict";
import { assertInTime, type Scene, withScene } from "../neighbours.ts";
import { HOSTILE_MESSAGES } from "./hostile_messages.ts";

/** The server must answer a ping within this time, even on a busy machine. Without the bound on messages it took up to ten seconds. */
const PING_MS = 3000;
/** Each sends a fixed number of messages; on a busy machine one needed more than 30 s. */
const CELL_SECONDS = 60;
/** Pictures leave garbage of 150 to 290 MB until V8 collects it. Without the bounds the server grew by 1.1 GB. */
const GROWTH_BYTES = 256 * 1024 * 1024;

Deno.test("the server keeps answering while a sandbox floods it with messages", async (t) => {
  await withScene({}, async (scene) => {
    for (const { name, code, expect } of HOSTILE_MESSAGES) {
      await t.step(name, async () => {
        const pings = pingUntil(scene);
        let answer;
        try {
          answer = await scene.client.run(scene.target, code, CELL_SECONDS);
        } finally {
          await pings.stop();
        }
        assertInTime(answer, CELL_SECONDS);
        assert.match(answer.text, expect);
        assert.ok(pings.worst() < PING_MS, `a ping took ${pings.worst()} ms`);
        assert.match((await scene.client.run(scene.target, "6 * 7", 20)).text, /^\[value\]\n42\n/);
      });
    }
  }, GROWTH_BYTES);
});

/** Pings the server, one ping after the other. */
function pingUntil({ client }: Scene) {
  let going = true;
  let worst = 0;
  const done = (async () => {
    while (going) {
      const start = performance.now();
      await client.request("ping", {});
      worst = Math.max(worst, performance.now() - start);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  return {
    worst: () => worst,
    async stop(): Promise<void> {
      going = false;
      await done;
    },
  };
}
