/** What a client reads about the end of sandboxes: near the end of their lifetime, and when one makes room for another. */
import assert from "node:assert/strict";
import { sandboxIdIn } from "../../../src/cli/demo/client.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { newSandbox, withServer } from "../../fixtures/server.ts";

Deno.test("every result about a sandbox whose lifetime is nearly over says so, errors included, and others do not", async () => {
  await withServer({ OMCP_LIFETIME_SECONDS: "60", OMCP_DATABASE_URL: "none" }, async (server) => {
    const created = await server.call("create_sandbox", {});
    assert.doesNotMatch(created.text, /notice/);
    const sandbox_id = sandboxIdIn(created.text);
    const notice = new RegExp(
      `\\n\\[notice: the lifetime of sandbox ${sandbox_id} ends in \\d s\\. .*\\]$`,
    );
    await eventually(
      async () => notice.test((await server.call("list_sandboxes", { sandbox_id })).text),
      "its end is near",
      60_000,
    );
    const refused = await server.call("execute_python_code", { sandbox_id });
    assert.deepEqual([refused.isError, notice.test(refused.text)], [true, true]);
    assert.doesNotMatch((await server.call("list_sandboxes", {})).text, /notice/);
    assert.equal(
      (await server.call("remove_sandbox", { sandbox_id })).text,
      `Removed sandbox ${sandbox_id}.`,
    );
  });
});

Deno.test("at capacity a sandbox that is unused makes room for a new one, and both calls say so", async () => {
  const settings = { OMCP_MAX_SANDBOXES: "1", OMCP_EVICT_SECONDS: "10", OMCP_DATABASE_URL: "none" };
  await withServer(settings, async (server) => {
    const old = await newSandbox(server);
    const full = await server.call("create_sandbox", {});
    assert.match(full.text, /^Error capacity: [^]*no call has used for 10 s makes room/);
    const deadline = performance.now() + 60_000;
    let { isError, text } = full;
    while (isError && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      ({ isError, text } = await server.call("create_sandbox", {}));
    }
    assert.match(text, new RegExp(`To make room, sandbox ${old} was removed after \\d+ s without a call`));
    assert.notEqual(sandboxIdIn(text), old);
    const late = await server.call("execute_python_code", { sandbox_id: old, code: "1" });
    assert.match(
      late.text,
      /^Error sandbox_not_found: [^]*it was removed for a new sandbox after \d+ s without a call/,
    );
  });
});
