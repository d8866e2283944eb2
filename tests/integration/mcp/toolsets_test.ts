import assert from "node:assert/strict";
import { withServer } from "../../fixtures/server.ts";

Deno.test("a server with OMCP_TOOLSETS=core lists no other tool, and refuses a call of one", async () => {
  await withServer({ OMCP_TOOLSETS: "core", OMCP_PACKAGES: "any" }, async (server) => {
    const names = await server.tools();
    assert.ok(names.includes("create_sandbox") && names.includes("execute_python_code"));
    const others = ["read_file", "query_omop", "search_concepts", "install_package"];
    assert.deepEqual(names.filter((name) => others.includes(name)), []);
    await assert.rejects(server.call("search_concepts", { text: "diabetes" }), /search_concepts not found/);
    await assert.rejects(server.readResource("sandbox://x/files/a.txt"));
  });
});
