import assert from "node:assert/strict";
import { eventually } from "../../fixtures/eventually.ts";
import { continuation, ended } from "../../fixtures/mcp/executions.ts";
import { newSandbox, withServer } from "../../fixtures/server.ts";

Deno.test("the result of a cell that restart_kernel interrupts never says that variables are kept", async () => {
  await withServer({ OMCP_DATABASE_URL: "none" }, async (server) => {
    const sandbox_id = await newSandbox(server);
    // A cell that ends at once when it is interrupted, by an exception or as if nothing had happened.
    for (const end of ["pass", "try:\n    while True: pass\nexcept KeyboardInterrupt: pass"]) {
      const code = `x = 1\nprint('begun', flush=True)\n${end === "pass" ? "while True: pass" : end}`;
      const { execution_id } = continuation(
        (await server.call("execute_python_code", { sandbox_id, code, wait: 0 })).text,
      );
      const waiting = server.call("get_execution", { execution_id });
      await eventually(
        async () =>
          /begun/.test((await server.call("get_execution", { execution_id, since: 0, wait: 0 })).text),
        "it runs",
        60_000,
      );
      const [{ text }, restarted] = await Promise.all([
        waiting,
        server.call("restart_kernel", { sandbox_id }),
      ]);
      assert.match(text, /: variables are lost, files in \/workspace remain\]$/);
      assert.doesNotMatch(text, /kept/);
      assert.equal(restarted.isError, false);
      assert.match(await ended(server, execution_id), /kernel restarted: variables are lost/);
    }
  });
});
