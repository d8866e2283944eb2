/** Runs Python test modules of this folder under Deno's test runner: each of their tests becomes a step. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { POSTGRES_IMAGE, PYTHON_IMAGE } from "../../fixtures/images.ts";

const outcome = z.object({ name: z.string(), outcome: z.enum(["ok", "failed"]), text: z.string() });
const RUN_DEADLINE_MS = 240_000;

/**
 * Runs one Python test module with the python3 of the PATH.
 *
 * @param t The context whose steps the Python tests become.
 * @param module The module's name, a file of this folder.
 * @throws {Error} When Python itself fails, or runs no test.
 */
export async function runPythonTests(t: Deno.TestContext, module: string): Promise<void> {
  const output = await new Deno.Command("python3", {
    args: [fileURLToPath(new URL("run_tests.py", import.meta.url)), module],
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    env: {
      PYTHONDONTWRITEBYTECODE: "1",
      OMCP_TEST_PYTHON_IMAGE: PYTHON_IMAGE,
      OMCP_TEST_POSTGRES_IMAGE: POSTGRES_IMAGE,
    },
    stdin: "null",
    signal: AbortSignal.timeout(RUN_DEADLINE_MS),
  }).output();
  const lines = new TextDecoder().decode(output.stdout).split("\n").filter((line) => line !== "");
  const outcomes = lines.map((line) => outcome.parse(JSON.parse(line)));
  assert.ok(output.success && outcomes.length > 0, new TextDecoder().decode(output.stderr));
  for (const { name, outcome, text } of outcomes) {
    await t.step(name, () => assert.equal(outcome, "ok", text));
  }
}
