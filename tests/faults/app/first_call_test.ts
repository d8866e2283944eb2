import assert from "node:assert/strict";
import { engineProxy } from "../../fixtures/engine_proxy.ts";
import { RawClient } from "../../fixtures/mcp/raw_client.ts";
import { assertNothingLeft, connectTestEngine } from "../../fixtures/server.ts";

const CHANGED = "notifications/tools/list_changed";

/** Texts of a list of tools, by name. */
function descriptions(listed: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  const text = JSON.stringify(listed.result);
  return new Map(
    [...text.matchAll(/"name":"(\w+)","title":"[^"]*","description":("(?:[^"\\]|\\.)*")/g)].map((
      [, name = "", description = ""],
    ) => [name, String(JSON.parse(description))]),
  );
}

Deno.test("a client is answered while the engine hangs; calls say so, and work when the engine does", async () => {
  const engine = await connectTestEngine();
  await using proxy = await engineProxy(() => "hang");
  const client = await RawClient.start(
    { DOCKER_HOST: proxy.host, OMCP_DATABASE_URL: "sample" },
    { socketPath: proxy.socketPath },
  );
  try {
    const before = await client.request("tools/list", {});
    assert.match(String(descriptions(before).get("create_sandbox")), /has not found the CDM yet/);
    assert.match(JSON.stringify(before.result), /"memory_mb":\{[^}]*"maximum":2048/);
    assert.match((await client.call("list_sandboxes", {})).text, /no sandboxes/);
    const { text } = await client.call("create_sandbox", {});
    assert.match(text, /^Error timeout: Cannot reach the container engine[^]*retryable: yes/);
    assert.deepEqual(client.notifications.filter(({ method }) => method === CHANGED), []);
    proxy.treat = () => "pass";
    const sandbox_id = await client.create();
    assert.match((await client.run(sandbox_id, "6 * 7")).text, /42/);
    assert.equal(client.notifications.filter(({ method }) => method === CHANGED).length, 1);
    const after = await client.request("tools/list", {});
    assert.doesNotMatch(JSON.stringify(after.result), /"memory_mb":\{[^}]*"maximum":2048/);
  } finally {
    proxy.treat = () => "pass";
    await client.end();
    await assertNothingLeft(engine, client.instance);
  }
});

Deno.test("a server whose engine hangs ends with its client, and leaves nothing", async () => {
  const engine = await connectTestEngine();
  await using proxy = await engineProxy(() => "hang");
  const client = await RawClient.start({ DOCKER_HOST: proxy.host }, { socketPath: proxy.socketPath });
  const call = client.call("create_sandbox", {}).catch(() => {});
  assert.equal((await client.close()).code, 0, client.stderr);
  await call;
  await assertNothingLeft(engine, client.instance);
});

/** What is missing, and what the first call that needs it says. */
const MISSING: Readonly<
  Record<string, {
    readonly env: Readonly<Record<string, string>>;
    readonly launch?: { readonly socketPath: string };
    readonly says: RegExp;
  }>
> = {
  "an engine": {
    env: { DOCKER_HOST: "unix:///run/omcp-absent.sock" },
    launch: { socketPath: "/run/omcp-absent.sock" },
    says:
      /^Error engine_unreachable: [^]*Next: Start an engine whose socket is \/run\/omcp-absent\.sock, or correct DOCKER_HOST\. Run `\S+ .*task setup`/,
  },
  "its image": {
    env: { OMCP_IMAGE: "omcp-absent:1" },
    says: /^Error image_missing: The engine has no image omcp-absent:1[^]*OMCP_IMAGE/,
  },
};

for (const [name, { env, launch = {}, says }] of Object.entries(MISSING)) {
  Deno.test(`a server without ${name} answers its client, and the first call that needs it says what to do`, async () => {
    const engine = await connectTestEngine();
    const client = await RawClient.start(env, launch);
    try {
      assert.ok(descriptions(await client.request("tools/list", {})).has("create_sandbox"));
      assert.match((await client.call("create_sandbox", {})).text, says);
      // The operator has it in the log as well.
      assert.match(client.stderr, /Serving without the engine/);
    } finally {
      assert.equal((await client.close()).code, 0, client.stderr);
      await assertNothingLeft(engine, client.instance);
    }
  });
}

Deno.test("a server with a local CDM that is not there serves sandboxes, and query_omop says how to create the CDM", async () => {
  const engine = await connectTestEngine();
  const client = await RawClient.start({ OMCP_DATABASE_URL: "local:absent", OMCP_DISCLOSURE: "open" });
  try {
    const listed = descriptions(await client.request("tools/list", {}));
    assert.match(String(listed.get("create_sandbox")), /has not found the CDM yet/);
    const sandbox_id = await client.create();
    const { text } = await client.call("query_omop", { sandbox_id, table: "person" });
    assert.match(
      text,
      /^Error cdm_invalid: There is no local CDM absent\.\nState: No CDM was created\.[^]*cdm load DIR --into local:NAME/,
    );
    const code = "import psycopg\ntry:\n    psycopg.connect()\nexcept psycopg.Error as e: print(e)";
    assert.match(
      (await client.run(sandbox_id, code)).text,
      /There is no local CDM|database is not available/,
    );
    // Above all, the attempt has not made an empty volume of that name.
    assert.equal(await engine.inspectVolume("omcp-cdm-absent"), undefined);
  } finally {
    await client.end();
    await assertNothingLeft(engine, client.instance);
  }
});

Deno.test("a server whose database never answers answers its client, and query_omop says so", async () => {
  const engine = await connectTestEngine();
  // It accepts connections and says nothing, as a firewall that drops packets does.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${listener.addr.port}`;
  const env = { OMCP_DATABASE_URL: `postgres://u:hunter2@${address}/d`, OMCP_DISCLOSURE: "open" };
  const client = await RawClient.start(env, { databaseHost: address });
  try {
    const listed = descriptions(await client.request("tools/list", {}));
    assert.match(String(listed.get("create_sandbox")), /has not found the CDM yet/);
    assert.doesNotMatch([...listed.values()].join(), /in schema cdm/);
    const sandbox_id = await client.create();
    const { text } = await client.call("query_omop", { sandbox_id, table: "person" });
    assert.match(text, /^Error database_unavailable[^]*retryable: yes/);
    assert.doesNotMatch(text + client.stderr, /hunter2/);
  } finally {
    await client.end();
    listener.close();
    await assertNothingLeft(engine, client.instance);
  }
});
