import assert from "node:assert/strict";
import { Guard } from "../../../../src/postgres/guard/mod.ts";
import { POLICY } from "../../../fixtures/postgres/planning.ts";

async function withGuard(work: (guard: Guard) => Promise<void>, deadlineMs = 5_000): Promise<void> {
  const guard = await Guard.start(POLICY, { deadlineMs });
  try {
    await work(guard);
  } finally {
    await guard.close();
  }
}

async function decisionOf(guard: Guard, sql: string): Promise<string> {
  const [plan] = await guard.plan(sql, "simple");
  return plan?.kind === "refuse" ? plan.sqlstate : plan?.kind ?? "none";
}

Deno.test("Guard.plan() decides in a worker, in the order asked", async () => {
  await withGuard(async (guard) => {
    const decisions = await Promise.all(
      ["SELECT count(*) FROM person", "DELETE FROM person", "", "SELEC"].map((sql) => decisionOf(guard, sql)),
    );
    assert.deepEqual(decisions, ["forward", "25006", "none", "42601"]);
  });
});

Deno.test("Guard.plan() returns the source of each statement from its worker, for the audit", async () => {
  await withGuard(async (guard) => {
    const plans = await guard.plan("DELETE FROM person; SELECT 1", "simple");
    assert.deepEqual(plans.map((plan) => plan.source)[0], "DELETE FROM person");
  });
});

Deno.test("Guard.plan() refuses what breaks the parser, and works again afterwards", async () => {
  await withGuard(async (guard) => {
    const hostile = [
      "(".repeat(100_000),
      "(".repeat(19_000),
      `SELECT 1${"+1".repeat(100_000)}`,
      `SELECT 1${"+1".repeat(9_900)}`,
      `SELECT ${"NOT ".repeat(19_000)}true`,
      `SELECT ${"ARRAY[".repeat(9_900)}`,
    ];
    for (const sql of hostile) {
      assert.match(await decisionOf(guard, sql), /^(54001|42601|42501)$/);
      assert.equal(await decisionOf(guard, "SELECT upper('x')"), "forward");
    }
  });
});

Deno.test("Guard.plan() refuses what takes too long, and works again afterwards", async () => {
  await withGuard(async (guard) => {
    const slow = `SELECT 1 IN (${"1,".repeat(9_000)}1)`;
    assert.equal(await decisionOf(guard, slow), "54001");
  }, 1);
  await withGuard(async (guard) => {
    const queued = [`SELECT 1${"+1".repeat(9_000)}`, "SELECT 1", "SELECT 2"].map((sql) =>
      decisionOf(guard, sql)
    );
    assert.deepEqual((await Promise.all(queued)).slice(1), ["forward", "forward"]);
  });
});

Deno.test("Guard.plan() refuses after close()", async () => {
  const guard = await Guard.start(POLICY);
  await guard.close();
  assert.equal(await decisionOf(guard, "SELECT 1"), "54001");
  await guard.close();
});

Deno.test("Guard.close() ends what is being planned", async () => {
  const guard = await Guard.start(POLICY, { deadlineMs: 500 });
  const planned = decisionOf(guard, `SELECT 1 IN (${"1,".repeat(9_000)}1)`);
  await guard.close();
  assert.equal(await planned, "54001");
});

Deno.test("Guard.plan() makes a sandbox wait for at most one text of another's flood", async () => {
  await withGuard(async (guard) => {
    const done: string[] = [];
    const plan = async (owner: string, sql: string): Promise<void> => {
      await guard.plan(sql, "simple", owner);
      done.push(owner);
    };
    const hostile = `SELECT ${"a,".repeat(9_900)}a`;
    const flood = Array.from({ length: 10 }, () => plan("hostile", hostile));
    await Promise.all([plan("other", "SELECT 1"), ...flood]);
    assert.deepEqual(done.slice(0, 2).sort(), ["hostile", "other"]);
  });
});

Deno.test("Guard.plan() refuses a text of more tokens than it will spend time on, with a hint", async () => {
  await withGuard(async (guard) => {
    const ids = (count: number) => Array.from({ length: count }, (_, index) => 1_000_000 + index).join(",");
    const sql = (count: number) => `SELECT * FROM person WHERE person_id IN (${ids(count)})`;
    assert.equal(await decisionOf(guard, sql(9_900)), "forward");
    const [plan] = await guard.plan(sql(10_100), "simple");
    assert(plan?.kind === "refuse");
    assert.match(plan.message, /more than the 20000 tokens/);
    assert.match(plan.hint ?? "", /join/);
  });
});

Deno.test("Guard.plan() moves a sandbox to the other lane if its text takes long while another sandbox waits", async () => {
  const guard = await Guard.start(POLICY, { shortDeadlineMs: 0 });
  try {
    // No worker is ready in 0 ms: the first two move on, and no text is refused for it.
    const plan = async (owner: string): Promise<string | undefined> =>
      (await guard.plan("SELECT count(*) FROM person", "simple", owner))[0]?.kind;
    assert.deepEqual(await Promise.all(["one", "one", "two", "three"].map(plan)), Array(4).fill("forward"));
    const long = `SELECT '${"x".repeat(100_000)}', upper('x')`;
    assert.equal((await guard.plan(long, "simple", "four"))[0]?.kind, "forward");
  } finally {
    await guard.close();
  }
});

Deno.test("Guard.outline() moves a sandbox to the other lane as Guard.plan() does", async () => {
  const guard = await Guard.start(POLICY, { shortDeadlineMs: 0 });
  try {
    const outline = (owner: string) => guard.outline("SELECT count(*) FROM person", owner);
    const outlines = await Promise.all(["one", "one", "two", "three"].map(outline));
    assert.deepEqual(outlines.map((found) => found?.length), Array(4).fill(1));
  } finally {
    await guard.close();
  }
});

Deno.test("Guard.outline() takes its turn in the workers, and a hostile text neither harms nor outlives it", async () => {
  await withGuard(async (guard) => {
    const sql = "select count(*) as n from person p where p.year_of_birth > 1950";
    const [scope] = await guard.outline(sql, "a") ?? [];
    assert.deepEqual(scope?.relations, [{ alias: "p", table: "person", join: "listed" }]);
    assert.equal(scope?.calls[0]?.alias, "n");
    const hostile = [
      "(".repeat(19_000),
      `SELECT ${"NOT ".repeat(4_900)}true`,
      `SELECT 1${"+1".repeat(9_900)}`,
      "",
      "\0",
      "x",
    ];
    for (const text of hostile) assert.equal(await guard.outline(text, "a"), undefined);
    assert.notEqual(await guard.outline(sql, "a"), undefined);
    assert.equal(await decisionOf(guard, "SELECT upper('x')"), "forward");
  });
  await withGuard(async (guard) => {
    assert.equal(await guard.outline(`SELECT 1 IN (${"1,".repeat(9_000)}1)`, "a"), undefined);
  }, 1);
});
