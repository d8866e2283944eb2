import { runPythonTests } from "../../../fixtures/guest/python_tests.ts";

Deno.test("the kernel's Python tests pass", (t) => runPythonTests(t, new URL(".", import.meta.url)));
