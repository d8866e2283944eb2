import assert from "node:assert/strict";
import { Heartbeat } from "../../../src/agent_protocol/heartbeat.ts";
import { withDeadline } from "../../../src/lib/async/with_deadline.ts";
import { OmcpError } from "../../../src/errors.ts";
import { abortError } from "../../../src/lib/async/abort_error.ts";
import { Deadline, DeadlineSignal, within } from "../../../src/lib/async/deadline.ts";

/** Blocks this process, as SIGSTOP would; other processes run. */
function pauseProcess(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** The output of another process: it arrives while this process is paused, and waits to be read. */
async function answer(afterSeconds: number): Promise<string> {
  const output = await new Deno.Command("sh", { args: ["-c", `sleep ${afterSeconds}; echo answer`] })
    .output();
  return new TextDecoder().decode(output.stdout).trim();
}

/** Lets the child start before this process is paused. */
function childStarts(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 150));
}

Deno.test("an answer that arrives during a pause is in time, however long the pause lasts", async (t) => {
  await t.step("for a promise", async () => {
    const waiting = within(answer(0.3), 500);
    await childStarts();
    pauseProcess(2000);
    assert.equal(await waiting, "answer");
  });
  await t.step("for a call of the engine", async () => {
    const options = { action: "ask", deadlineMs: 500, signal: undefined, state: "Unknown." };
    const waiting = withDeadline(options, () => answer(0.3));
    await childStarts();
    pauseProcess(2000);
    assert.equal(await waiting, "answer");
  });
  await t.step("for a signal", async () => {
    using deadline = new DeadlineSignal(500);
    const waiting = answer(0.3);
    await childStarts();
    pauseProcess(2000);
    assert.equal(await waiting, "answer");
    assert.equal(deadline.signal.aborted, false);
  });
});

Deno.test("a deadline that a pause postpones still expires, and only once", async () => {
  let expired = 0;
  const done = Promise.withResolvers<void>();
  const deadline = new Deadline(100, () => {
    expired += 1;
    done.resolve();
  });
  pauseProcess(1500);
  await done.promise;
  deadline[Symbol.dispose]();
  assert.equal(expired, 1);
});

Deno.test("a cancelled deadline does nothing", async () => {
  {
    using _deadline = new Deadline(10, () => assert.fail("a cancelled deadline has expired"));
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
});

Deno.test("a heartbeat tolerates a pause of this process, but not the peer's silence", async () => {
  const lost = Promise.withResolvers<number>();
  const pinged = Promise.withResolvers<void>();
  let pings = 0;
  let isLost = false;
  const heartbeat = new Heartbeat({
    intervalMs: 100,
    lostAfterMs: 200,
    ping: () => {
      pings += 1;
      pinged.resolve();
    },
    onLost: (silentMs) => {
      isLost = true;
      lost.resolve(silentMs);
    },
  });
  // The pause begins right after the first tick: a second one, on a slow machine, would report the silence before the pause.
  await pinged.promise;
  pauseProcess(3000);
  // The next tick must not check the peer before the waiting bytes have been read.
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(isLost, false);
  heartbeat.onActivity();
  await lost.promise;
  assert.equal(pings, 1);
  heartbeat.stop();
});

Deno.test("work that a signal ends has the signal's reason; only a caller's abort is `cancelled`", () => {
  const timeout = new OmcpError("timeout", "Timed out after 5 s");
  const cases: readonly (readonly [unknown, string])[] = [
    [timeout, "timeout"],
    [new OmcpError("shutting_down", "The server is shutting down"), "shutting_down"],
    [new DOMException("", "TimeoutError"), "timeout"],
    [new DOMException("", "AbortError"), "cancelled"],
    [undefined, "cancelled"],
  ];
  for (const [reason, code] of cases) assert.equal(abortError(reason, "Cannot ask").code, code);
  assert.equal(abortError(timeout, "Cannot ask").message, "Cannot ask: timed out after 5 s");
});
