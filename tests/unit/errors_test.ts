import assert from "node:assert/strict";
import { DETAIL_FIELDS, ERROR_CODES, OmcpError } from "../../src/errors.ts";

Deno.test("with() applies the changes, keeps the rest and has the first error as its cause", () => {
  const first = new OmcpError("engine_failed", "Cannot start", {
    next: "Try again.",
    details: { status: 500 },
    retryable: false,
  });
  const second = first.with({ state: "Nothing was made.", details: { log: ["a line"] } });
  assert.equal(second.code, "engine_failed");
  assert.equal(second.message, "Cannot start");
  assert.equal(second.state, "Nothing was made.");
  assert.equal(second.next, "Try again.");
  assert.equal(second.retryable, false);
  assert.deepEqual(second.details, { status: 500, log: ["a line"] });
  assert.equal(second.cause, first);
  assert.equal(first.with({ message: "Cannot stop" }).message, "Cannot stop");
  assert.deepEqual(first.details, { status: 500 }, "the first error is unchanged");
});

Deno.test("details of another code, of another type or unknown do not compile", () => {
  // @ts-expect-error `sqlstate` is not a detail of `capacity`.
  new OmcpError("capacity", "Full", { details: { sqlstate: "53300" } });
  // @ts-expect-error `maximum` is a number.
  new OmcpError("capacity", "Full", { details: { maximum: "10" } });
  // @ts-expect-error `internal` has no detail except the agent's code.
  new OmcpError("internal", "Defect", { details: { maximum: 10 } });
  // @ts-expect-error No code has this field.
  new OmcpError("sandbox_lost", "Lost", { details: { colour: "red" } });
});

Deno.test("every field of details belongs to a code", () => {
  const used = new Set(Object.values(ERROR_CODES).flatMap(({ details }) => details));
  assert.deepEqual(
    Object.keys(DETAIL_FIELDS).filter((name) => ![...used].some((field) => field === name)),
    [],
  );
});
