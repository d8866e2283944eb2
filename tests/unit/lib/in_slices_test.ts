import assert from "node:assert/strict";
import { inSlices, type Steps } from "../../../src/lib/async/in_slices.ts";

const ENDLESS = new AbortController().signal;

Deno.test("inSlices() returns what the steps return, and throws what they throw", async () => {
  function* steps(fails: boolean): Steps<number> {
    for (let at = 0; at < 1_000; at += 1) yield;
    if (fails) throw new Error("wrong");
    return 7;
  }
  assert.equal(await inSlices(steps(false), ENDLESS), 7);
  await assert.rejects(inSlices(steps(true), ENDLESS), /wrong/);
});

Deno.test("inSlices() lets others go on, and ends when its signal is aborted", async () => {
  const controller = new AbortController();
  let ended = false;
  function* steps(): Steps<never> {
    try {
      for (;;) yield;
    } finally {
      ended = true;
    }
  }
  const running = inSlices(steps(), controller.signal);
  // Without slices, this timer would never fire.
  setTimeout(() => controller.abort(new Error("cancelled")));
  await assert.rejects(running, /cancelled/);
  assert.equal(ended, true);
});
