import assert from "node:assert/strict";
import { LOADER } from "../../../../src/guest/mod.ts";
import { runPythonTests } from "../../../fixtures/guest/python_tests.ts";

Deno.test("the agent's Python tests pass", (t) => runPythonTests(t, new URL(".", import.meta.url)));

Deno.test("LOADER fits into one argument of a command", () => {
  assert.ok(new TextEncoder().encode(LOADER).byteLength < 128 * 1024);
});
