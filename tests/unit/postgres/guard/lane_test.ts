import assert from "node:assert/strict";
import { Lane } from "../../../../src/postgres/guard/lane.ts";
import { POLICY } from "../../../fixtures/postgres/planning.ts";

async function withLane(
  deadlines: { readonly deadlineMs: number; readonly contendedDeadlineMs: number },
  work: (lane: Lane) => Promise<void>,
): Promise<void> {
  const lane = new Lane({ policy: POLICY, startDeadlineMs: 30_000, ...deadlines });
  try {
    await lane.start();
    await work(lane);
  } finally {
    lane.close();
  }
}

/** It takes many milliseconds. */
const SLOW = `SELECT ${"1,".repeat(9_000)}1`;

const plan = async (lane: Lane, owner: string, sql = SLOW): Promise<string> =>
  (await lane.plan(sql, "simple", owner))?.[0]?.kind ?? "late";

Deno.test("Lane.plan() keeps a worker that is late while nobody else waits for it", async () => {
  await withLane({ deadlineMs: 30_000, contendedDeadlineMs: 0 }, async (lane) => {
    const own = Array.from({ length: 5 }, () => plan(lane, "one"));
    assert.deepEqual(await Promise.all(own), Array(5).fill("forward"));
  });
});

Deno.test("Lane.plan() gives up a late text as soon as another owner waits, and plans the other owner's text", async () => {
  await withLane({ deadlineMs: 30_000, contendedDeadlineMs: 0 }, async (lane) => {
    const [late, next] = await Promise.all([plan(lane, "one"), plan(lane, "two", "SELECT 1")]);
    assert.deepEqual([late, next], ["late", "forward"]);
  });
});

Deno.test("Lane.plan() gives up a text at its deadline, whether anybody waits or not", async () => {
  await withLane({ deadlineMs: 0, contendedDeadlineMs: 0 }, async (lane) => {
    assert.equal(await plan(lane, "one"), "late");
  });
});
