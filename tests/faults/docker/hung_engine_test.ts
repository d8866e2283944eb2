import assert from "node:assert/strict";
import { continuation, ended } from "../../fixtures/mcp/executions.ts";
import { RawClient } from "../../fixtures/mcp/raw_client.ts";
import { type EngineProxy, engineProxy } from "../../fixtures/engine_proxy.ts";
import { assertNothingLeft, connectTestEngine } from "../../fixtures/server.ts";

/** Creates containers, and never says so. */
const CREATION_HANGS: EngineProxy["treat"] = (request) =>
  request.includes("/containers/create") ? "unanswered" : "pass";

/** A server whose engine can be made to hang, from its start or later. */
async function withServer(
  test: (client: RawClient, proxy: EngineProxy) => Promise<void>,
  treat?: EngineProxy["treat"],
): Promise<void> {
  await using proxy = await engineProxy(treat);
  const engine = await connectTestEngine();
  const client = await RawClient.start({ DOCKER_HOST: proxy.host, OMCP_MAX_SANDBOXES: "2" }, {
    socketPath: proxy.socketPath,
  });
  try {
    await test(client, proxy);
  } finally {
    proxy.treat = () => "pass";
    await client.end();
    await assertNothingLeft(engine, client.instance);
  }
}

async function listed(client: RawClient, pattern: RegExp): Promise<void> {
  const deadline = performance.now() + 40_000;
  let text = "";
  while (!pattern.test(text)) {
    assert.ok(performance.now() < deadline, text);
    await new Promise((resolve) => setTimeout(resolve, 100));
    ({ text } = await client.call("list_sandboxes", { include_inactive: true }));
  }
}

Deno.test("while the engine hangs, cells run, removal calls return, and nothing is reported as cancelled or removed", async () => {
  await withServer(async (client, proxy) => {
    const [first, second] = [await client.create(), await client.create()];
    proxy.treat = () => "hang";
    assert.match((await client.run(first, "6 * 7")).text, /42/);
    const removal = await client.call("remove_sandbox", { sandbox_id: second });
    assert.match(removal.text, /is removing sandbox \S+; the engine has not confirmed it yet/);
    assert.ok(removal.ms < 20_000);
    await listed(client, new RegExp(`${second}  removing`));
    assert.match((await client.run(second, "1")).text, /^Error sandbox_not_found: .*is being removed/);
    assert.match(
      (await client.call("create_sandbox", {})).text,
      /^Error capacity[^]*1 of them is being removed/,
    );
    proxy.treat = () => "pass";
    // Pending requests stay without a response: only a new attempt can succeed.
    await listed(client, new RegExp(`${second}  removed`));
    const third = await client.create();
    proxy.treat = (request) => request.startsWith("GET ") ? "pass" : "drop";
    proxy.cut();
    const lost = await client.run(third, "1");
    assert.match(lost.text, /^Error (?:sandbox_lost|outcome_unknown): Sandbox \S+ (?:is|was) lost/);
    assert.doesNotMatch(lost.text, /cancelled/);
  });
});

Deno.test("a creation on a hung engine fails with a retryable timeout, and leaves nothing", async () => {
  await withServer(async (client, proxy) => {
    await client.create();
    proxy.treat = CREATION_HANGS;
    const { execution_id } = continuation((await client.call("create_sandbox", {})).text);
    const text = await ended(client, execution_id);
    assert.match(text, /^Error timeout/);
    assert.match(text, /retryable: yes/);
    assert.match(text, /No sandbox was created\. Container omcp-sbx_\w+ is being removed/);
    assert.doesNotMatch(text, /cancelled/);
  });
});

Deno.test("a start on a hung engine fails with a retryable timeout, leaves nothing, and is tried again", async () => {
  await withServer(async (client, proxy) => {
    const { text } = await client.call("create_sandbox", {});
    assert.match(text, /^Error timeout: Cannot create container "omcp-lock-/);
    assert.match(text, /retryable: yes/);
    proxy.treat = () => "pass";
    await client.create();
  }, CREATION_HANGS);
});

Deno.test("a stopped engine is unreachable, and the server keeps running", async () => {
  await withServer(async (client, proxy) => {
    proxy.treat = () => "drop";
    assert.match(
      (await client.call("create_sandbox", {})).text,
      /^Error engine_(?:unreachable|failed)[^]*retryable: yes/,
    );
    proxy.treat = () => "pass";
    await client.create();
  });
});

Deno.test("a server ends within its deadline although the engine hangs", async () => {
  await withServer(async (client, proxy) => {
    await client.create();
    proxy.treat = () => "hang";
    const start = performance.now();
    await client.close();
    assert.ok(performance.now() - start < 10_000);
    proxy.cut();
    // Its lock ended with its attach; the next server removes the rest.
    proxy.treat = () => "pass";
    const next = await RawClient.start({ OMCP_INSTANCE: client.instance });
    await next.create();
    await next.end();
  });
});
