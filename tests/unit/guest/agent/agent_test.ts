import assert from "node:assert/strict";
import { LOADER_COMMAND } from "../../../../src/guest/mod.ts";
import { runPythonTests } from "../../../fixtures/guest/python_tests.ts";

Deno.test("the agent's Python tests pass", (t) => runPythonTests(t, new URL(".", import.meta.url)));

Deno.test("the loader fits into one argument of a command", () => {
  assert.ok(new TextEncoder().encode(LOADER_COMMAND.at(-1)).byteLength < 128 * 1024);
});
