/** Sandboxes that a real server starts ahead, with its default settings. */
import assert from "node:assert/strict";
import { sandboxIdIn } from "../../../src/cli/demo/client.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { connectTestEngine, containerOf, withServer } from "../../fixtures/server.ts";

Deno.test("by default the second sandbox is one that was started ahead: verified, unused, with its own lifetime", async () => {
  const engine = await connectTestEngine();
  try {
    // Empty: the default.
    await withServer({ OMCP_POOL_SIZE: "", OMCP_DATABASE_URL: "none" }, async (server) => {
      const list = async () => (await server.call("list_sandboxes", {})).text;
      assert.equal(await list(), "There are no sandboxes.");
      await server.call("create_sandbox", {});
      const ready = "1 of 1 further sandbox is ready for the next create_sandbox; 0 of 1 creation had one.";
      await eventually(async () => (await list()).endsWith(ready), "the pool is filled", 60_000);
      assert.match(await list(), /^1 sandbox:\n/);
      const before = Date.now();
      const { text } = await server.call("create_sandbox", {});
      const sandbox_id = sandboxIdIn(text);
      const { createdAt } = await engine.inspectContainer(await containerOf(engine, sandbox_id));
      assert.ok(Date.parse(createdAt) < before, "its container is older than the call");
      assert.match(await list(), /^2 sandboxes:\n[^]*; 1 of 2 creations had one\.$/);
      const line = (await list()).split("\n").find((one) => one.startsWith(sandbox_id)) ?? "";
      const listed = Date.parse(/ created (\S+)/.exec(line)?.[1] ?? "");
      assert.ok(listed >= before - 1000, `it is listed with the time of the call: ${line}`);
      const cell = await server.call("execute_python_code", {
        sandbox_id,
        code: "import os, sys; ('pandas' in sys.modules, os.listdir('/workspace'), len(Out))",
      });
      assert.match(cell.text, /\(True, \[\], 0\)/);
    });
  } finally {
    engine.close();
  }
});
