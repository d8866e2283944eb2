import assert from "node:assert/strict";
import { isKept, keptLimits } from "../../../../src/postgres/broker/kept.ts";
import { DEFAULT_LIMITS } from "../../../../src/postgres/broker/limits.ts";

Deno.test("isKept() goes by the name that the package gives its connection", () => {
  assert.equal(isKept([["user", "u"], ["application_name", "omcp kept"]]), true);
  assert.equal(isKept([["user", "omcp kept"], ["application_name", "omcp"]]), false);
});

Deno.test("keptLimits() lets no idle connection outlast a minute", () => {
  assert.deepEqual(keptLimits(DEFAULT_LIMITS), { ...DEFAULT_LIMITS, idleMs: 60_000 });
  assert.equal(keptLimits({ ...DEFAULT_LIMITS, idleMs: 10 }).idleMs, 10);
});
