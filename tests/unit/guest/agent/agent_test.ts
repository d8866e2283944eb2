import assert from "node:assert/strict";
import { GUEST_MODULES, LOADER } from "../../../../src/guest/mod.ts";
import { runPythonTests } from "../../../fixtures/guest/python_tests.ts";

Deno.test("the agent's Python tests pass", (t) => runPythonTests(t, new URL(".", import.meta.url)));

Deno.test("LOADER fits into one argument of a command", () => {
  assert.ok(new TextEncoder().encode(LOADER).byteLength < 128 * 1024);
});

Deno.test("GUEST_MODULES holds every Python file of the guest", async () => {
  const expected: string[] = [];
  for (const folder of ["agent", "kernel_manager", "kernel"]) {
    const entries = await Array.fromAsync(
      Deno.readDir(new URL(`../../../../src/guest/${folder}`, import.meta.url)),
    );
    for (const { name } of entries.filter((entry) => entry.name.endsWith(".py"))) {
      expected.push(name === "__init__.py" ? folder : `${folder}.${name.slice(0, -3)}`);
    }
  }
  assert.deepEqual(Object.keys(GUEST_MODULES).sort(), expected.sort());
});
