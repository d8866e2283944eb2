/** A client that does not read its responses for a while. */
import assert from "node:assert/strict";
import { assertNothingLeft, connectTestEngine } from "../../fixtures/server.ts";
import { RawClient } from "../../fixtures/mcp/raw_client.ts";

Deno.test("a client that reads nothing for longer than the lease keeps its sandbox and its responses", async () => {
  const engine = await connectTestEngine();
  const client = await RawClient.start({ OMCP_LEASE_SECONDS: "10" });
  try {
    const sandbox = await client.create();
    await client.run(sandbox, "kept = 7; open('large', 'wb').write(bytes(1 << 20))");
    const release = client.holdOutput();
    const uri = `sandbox://${sandbox}/files/large`;
    const responses = Promise.all([1, 2, 3].map(() => client.request("resources/read", { uri })));
    await new Promise((resolve) => setTimeout(resolve, 15_000));
    release();
    for (const { result } of await responses) assert.ok(JSON.stringify(result).length > 1 << 20);
    assert.match((await client.run(sandbox, "kept")).text, /^\[value\]\n7\n/);
    assert.equal((await client.close()).code, 0, client.stderr);
  } finally {
    await client.end();
    await assertNothingLeft(engine, client.instance);
  }
});
