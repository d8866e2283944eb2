import { runPythonTests } from "../../../fixtures/guest/python_tests.ts";

Deno.test("the agent is PID 1 of real containers", (t) => runPythonTests(t, new URL(".", import.meta.url)));
