import assert from "node:assert/strict";
import { OmcpError } from "../../../src/errors.ts";
import { SandboxPool } from "../../../src/sandbox/pool.ts";
import { FakeClock } from "../../fixtures/fake_clock.ts";

Deno.test("after each failure in a row the wait is twice as long", async () => {
  const clock = new FakeClock();
  let attempts = 0;
  const pool = new SandboxPool({
    size: 1,
    clock,
    isBusy: () => false,
    removals: { of: () => undefined },
    launch: () => {
      attempts += 1;
      return Promise.reject(new OmcpError("engine_failed", "Broken on purpose"));
    },
  });
  pool.created(false);
  for (const [at, expected] of [[0, 1], [999, 1], [1, 2], [1999, 2], [1, 3], [3999, 3], [1, 4]] as const) {
    clock.advance(at);
    pool.tick();
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.equal(attempts, expected);
  }
  await pool.close();
});
