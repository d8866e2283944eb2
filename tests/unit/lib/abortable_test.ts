import assert from "node:assert/strict";
import { OmcpError } from "../../../src/errors.ts";
import { abortable } from "../../../src/lib/async/abortable.ts";
import { DeadlineSignal } from "../../../src/lib/async/deadline.ts";
import { type DeadlineOptions, withDeadline } from "../../../src/lib/async/with_deadline.ts";

const never = new Promise<never>(() => {});

Deno.test("abortable() returns the promise's value, with and without a signal", async () => {
  assert.equal(await abortable(Promise.resolve(1), undefined), 1);
  assert.equal(await abortable(Promise.resolve(2), new AbortController().signal), 2);
  await assert.rejects(abortable(Promise.reject(new Error("broken")), undefined), /broken/);
});

Deno.test("abortable() throws the signal's reason, also if the signal was already aborted", async () => {
  const controller = new AbortController();
  const waiting = abortable(never, controller.signal);
  controller.abort(new Error("gone"));
  await assert.rejects(waiting, /gone/);
  await assert.rejects(abortable(Promise.resolve(1), controller.signal), /gone/);
});

Deno.test("abortable() ignores a failure after the abort", async () => {
  const controller = new AbortController();
  const late = Promise.withResolvers<void>();
  const waiting = abortable(late.promise, controller.signal);
  controller.abort(new Error("gone"));
  await assert.rejects(waiting, /gone/);
  // An unhandled rejection would fail the test.
  late.reject(new Error("late"));
  await Promise.resolve();
});

Deno.test("DeadlineSignal follows another signal until it is disposed of", () => {
  const controller = new AbortController();
  const disposed = new DeadlineSignal(60_000, controller.signal);
  disposed[Symbol.dispose]();
  using deadline = new DeadlineSignal(60_000, controller.signal);
  controller.abort(new Error("gone"));
  assert.equal(disposed.signal.aborted, false);
  assert.equal(deadline.signal.reason, controller.signal.reason);
  assert.equal(deadline.expired, false);
});

Deno.test("withDeadline() reports what ended the work: the deadline, the caller, or the work itself", async (t) => {
  const bounds = { action: "ask", deadlineMs: 10, signal: undefined, state: "Unknown.", next: "Look." };
  async function failure(options: Partial<DeadlineOptions>, work: () => Promise<unknown>): Promise<unknown> {
    return await withDeadline({ ...bounds, ...options }, work).then(
      () => "no error",
      (error: unknown) => error,
    );
  }
  await t.step("the deadline", async () => {
    const error = await failure({}, () => never);
    assert.ok(error instanceof OmcpError);
    assert.deepEqual([error.code, error.message, error.state, error.next], [
      "timeout",
      "Cannot ask: timed out after 0.01 s",
      "Unknown.",
      "Look.",
    ]);
  });
  await t.step("the caller, without the next step for a timeout", async () => {
    const controller = new AbortController();
    const waiting = failure({ deadlineMs: 60_000, signal: controller.signal }, () => never);
    controller.abort();
    const error = await waiting;
    assert.ok(error instanceof OmcpError);
    assert.deepEqual([error.code, error.state, error.next], ["cancelled", "Unknown.", undefined]);
  });
  await t.step("the work", async () => {
    assert.match(String(await failure({ deadlineMs: 60_000 }, () => Promise.reject(new Error("no")))), /no/);
  });
});
