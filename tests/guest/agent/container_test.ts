import { runPythonTests } from "./python_tests.ts";

Deno.test("the agent is PID 1 of real containers", (t) => runPythonTests(t, "container_test"));
