import assert from "node:assert/strict";
import { OmcpError } from "../../../../src/errors.ts";
import { ask, StreamUpstream, urlUpstream } from "../../../../src/postgres/upstream/mod.ts";
import { startPostgres, type TestPostgres } from "../../../fixtures/postgres/test_postgres.ts";

const PASSWORD = "s3cret p/w@:ü'";
let server: TestPostgres;

Deno.test.beforeAll(async function start() {
  server = await startPostgres({ tls: true, password: PASSWORD });
});

Deno.test.afterAll(async function stop() {
  await server.stop();
});

async function attempt(url: string): Promise<OmcpError> {
  try {
    const session = await urlUpstream(url).connect({}, AbortSignal.timeout(60_000));
    session.close();
  } catch (error) {
    assert.ok(error instanceof OmcpError);
    assert.ok(!`${error.message} ${error.next} ${JSON.stringify(error.details)}`.includes("s3cret"));
    return error;
  }
  assert.fail("It connected");
}

Deno.test("urlUpstream() logs in under TLS with SCRAM, and its settings are what RESET returns to", async () => {
  const signal = AbortSignal.timeout(60_000);
  const settings = { search_path: '"a b\\c", pg_catalog', statement_timeout: "1234" };
  const session = await urlUpstream(server.url).connect(settings, signal);
  await ask(session, "SET search_path = public", signal);
  await ask(session, "RESET ALL", signal);
  const sql = "SELECT current_setting('search_path'), current_setting('statement_timeout'), current_user";
  assert.deepEqual(await ask(session, sql, signal), [['"a b\\c", pg_catalog', "1234ms", "omcp_reader"]]);
  await assert.rejects(ask(session, "SELECT 1/0", signal), { code: "database_refused" });
  session.close();
});

/** Runs a program with the permissions that are named, and no other. Returns what it prints, and its complaints. */
async function runWith(permissions: readonly string[], code: string, url: string): Promise<string> {
  const script = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(script, code);
    const config = new URL("../../../../deno.json", import.meta.url).pathname;
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--no-check", "--config", config, ...permissions, script, url],
      env: { PGPASSWORD: "x", PGOPTIONS: "-c x=y" },
    }).output();
    return new TextDecoder().decode(stdout).trim() || new TextDecoder().decode(stderr);
  } finally {
    await Deno.remove(script);
  }
}

const ASK = `
  import { ask, urlUpstream } from "${import.meta.resolve("../../../../src/postgres/upstream/mod.ts")}";
  const signal = AbortSignal.timeout(60_000);
  const session = await urlUpstream(Deno.args[0]).connect({}, signal);
  console.log((await ask(session, "SELECT 42", signal))[0][0]);
  session.close();`;

Deno.test("urlUpstream() needs no permission but the server's address and the authority's file", async () => {
  const allow = [`--allow-net=127.0.0.1:${server.port}`, `--allow-read=${server.caPath}`];
  assert.equal(await runWith(allow, ASK, server.url), "42");
});

Deno.test("urlUpstream() fails with a reason and without the password", async () => {
  const wrong = await attempt(server.url.replace("s3cret", "t3cret"));
  assert.deepEqual([wrong.code, wrong.details["sqlstate"], wrong.retryable], [
    "database_unavailable",
    "28P01",
    false,
  ]);
  const none = await attempt(server.url.replace(/:s3cret[^@]*@/, "@"));
  assert.match(none.message, /asks for a password, and the URL has none/);
  const stranger = await attempt(server.url.replace(/&sslrootcert=.*/, ""));
  assert.match(stranger.message, /certificate is not valid/);
  const misnamed = await attempt(server.url.replace("127.0.0.1", "127.0.0.2"));
  assert.equal(misnamed.code, "database_unavailable");
  const plain = await attempt(server.url.replace(/\?.*/, "?sslmode=disable"));
  assert.equal(plain.details["sqlstate"], "28000");
  const nowhere = await attempt(server.url.replace(/\/\w+\?/, "/nodb?"));
  assert.deepEqual([nowhere.details["sqlstate"], nowhere.retryable], ["3D000", false]);
  assert.match(nowhere.next ?? "", /Create the database/);
  assert.ok(nowhere.state);
  const away = await attempt("postgres://u:s3cret@127.0.0.1:1/d");
  assert.equal(away.retryable, true);
});

Deno.test("urlUpstream() refuses a server without TLS before it sends anything", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const got: number[] = [];
  const served = (async () => {
    const conn = await listener.accept();
    const bytes = new Uint8Array(100);
    got.push(await conn.read(bytes) ?? 0);
    await conn.write(new TextEncoder().encode("N"));
    got.push(await conn.read(bytes) ?? 0);
    conn.close();
  })();
  const error = await attempt(`postgres://u:s3cret@127.0.0.1:${listener.addr.port}/d?sslmode=require`);
  assert.match(error.message, /does not offer TLS/);
  await served;
  listener.close();
  assert.deepEqual(got, [8, 0]);
});

Deno.test("StreamUpstream.connect() ends in time when the server is silent or sends an invalid response", async () => {
  for (const reply of ["", "HTTP/1.1 400 Bad Request\r\n\r\n", "R\x7f\xff\xff\xff"]) {
    const upstream = new StreamUpstream({
      open: () =>
        Promise.resolve({
          readable: new ReadableStream({
            start(controller) {
              if (reply !== "") controller.enqueue(new TextEncoder().encode(reply));
            },
          }),
          writable: new WritableStream(),
        }),
      user: "u",
      database: "d",
      description: "a fake",
    });
    await assert.rejects(upstream.connect({}, AbortSignal.timeout(200)), { code: "database_unavailable" });
  }
});

Deno.test("urlUpstream() reaches a server by its IPv6 address, with the permission that the server asks for", async () => {
  const plain = await startPostgres();
  const listener = Deno.listen({ hostname: "::1", port: 0 });
  const relay = (async () => {
    for await (const conn of listener) {
      const server = await Deno.connect({ hostname: "127.0.0.1", port: plain.port });
      void Promise.allSettled([conn.readable.pipeTo(server.writable), server.readable.pipeTo(conn.writable)]);
    }
  })();
  try {
    const url = plain.url.replace(/@[^/]*\//, `@[::1]:${listener.addr.port}/`);
    const socket = "/var/run/docker.sock";
    const guard = new URL("../../../../src/postgres/guard", import.meta.url).pathname;
    const allow = [
      `--allow-net=[::1]:${listener.addr.port},unix:${socket},docker.invalid:80`,
      `--allow-read=${socket},${guard}`,
      `--allow-write=${socket}`,
    ];
    // The server looks at its permissions first, and must find the address among them as it is written there.
    const look = `
      import { readConfig } from "${import.meta.resolve("../../../../src/app/config.ts")}";
      import { requirePermissions } from "${import.meta.resolve("../../../../src/app/permissions.ts")}";
      const settings = { OMCP_DATABASE_URL: Deno.args[0], OMCP_DISCLOSURE: "open" };
      requirePermissions(readConfig((name) => settings[name]));`;
    assert.equal(await runWith(allow, look + ASK, url), "42");
  } finally {
    listener.close();
    await relay;
    await plain.stop();
  }
});
