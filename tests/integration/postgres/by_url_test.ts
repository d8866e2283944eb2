/** The real server on a Postgres reached by URL, with TLS and a password. */
import assert from "node:assert/strict";
import { connectCommand, inheritedVariables, sandboxIdIn } from "../../../src/cli/demo/client.ts";
import type { LaunchOptions } from "../../../src/app/launch.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { newSandbox, PROJECT, withServer } from "../../fixtures/server.ts";
import { runCdm } from "../../fixtures/cdm/command.ts";
import { startPostgres, type TestPostgres } from "../../fixtures/postgres/test_postgres.ts";

const PASSWORD = "s3cret-pässword/@:";
let database: TestPostgres;

Deno.test.beforeAll(async function start() {
  database = await startPostgres({ tls: true, password: PASSWORD, sample: true });
});

Deno.test.afterAll(async function stop() {
  await database.stop();
});

function launch(): Omit<LaunchOptions, "project"> {
  return { databaseHost: `127.0.0.1:${database.port}`, databaseFiles: [database.caPath ?? PROJECT] };
}

Deno.test("the server queries a database by URL over TLS, and nothing of its login is in the sandbox", async () => {
  const environment = { OMCP_DATABASE_URL: database.url, OMCP_DISCLOSURE: "open" };
  await withServer(environment, async (server) => {
    const sandbox_id = await newSandbox(server);
    const query = { sandbox_id, table: "person", aggregates: [{ fn: "count", as: "n" }], into: "counted" };
    const counted = await server.call("query_omop", query);
    assert.equal(counted.isError, false, counted.text);
    const code = `
import glob, os, psycopg
seen = [repr(dict(os.environ))]
for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/run/**", recursive=True):
    try:
        seen.append(open(path, "rb").read().decode("latin1"))
    except OSError:
        pass
kept_open = psycopg.connect(autocommit=True)
seen.append(repr(kept_open.info.get_parameters()) + repr(kept_open.info.host) + repr(kept_open.info.password))
who = kept_open.execute("SELECT current_user, current_database()").fetchone()
found = [s for s in ("s3cret", ${
      JSON.stringify(String(database.port))
    }, "127.0.0.1") if any(s in text for text in seen)]
int(counted["n"].iloc[0]), who, found`;
    const reply = await server.call("execute_python_code", { sandbox_id, code });
    assert.match(reply.text, /\(1000, \('omcp_reader', 'cdm'\), \[\]\)/);
    assert.equal(
      await database.sql(
        "SELECT count(*) > 0 AND bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'omcp_reader'",
      ),
      "t",
    );
  }, launch());
});

Deno.test("the server refuses a superuser's URL: no statement passes, and query_omop has the SQL that makes a right role", async () => {
  const environment = { OMCP_DATABASE_URL: database.adminUrl, OMCP_DISCLOSURE: "open" };
  await withServer(environment, async (server) => {
    const sandbox_id = await newSandbox(server);
    const query = await server.call("query_omop", { sandbox_id, table: "person", limit: 1 });
    assert.match(
      query.text,
      /^Error database_unsafe_role: .*omcp_admin.*rights that a sandbox's must not have/s,
    );
    assert.match(query.text, /CREATE ROLE "omcp_reader" LOGIN NOSUPERUSER/);
    assert.ok(!query.text.includes("s3cret"), query.text);
    const cell = await server.call("execute_python_code", { sandbox_id, code: ASK });
    assert.doesNotMatch(cell.text, /1000/);
    assert.doesNotMatch((await server.call("create_sandbox", {})).text, /is in schema/);
  }, launch());
});

Deno.test("a role that was only granted to read is refused with the one statement that is missing, which fixes it", async () => {
  await database.sql(
    "CREATE ROLE stock LOGIN PASSWORD 'stock'; GRANT USAGE ON SCHEMA cdm TO stock; GRANT SELECT ON ALL TABLES IN SCHEMA cdm TO stock; " +
      "GRANT CONNECT, TEMPORARY ON DATABASE cdm TO PUBLIC",
  );
  const url = database.url.replace(/\/\/[^@]*@/, "//stock:stock@");
  await withServer({ OMCP_DATABASE_URL: url, OMCP_DISCLOSURE: "open" }, async (server) => {
    const sandbox_id = await newSandbox(server);
    const query = { sandbox_id, table: "person", aggregates: [{ fn: "count", as: "n" }], into: "counted" };
    const refused = await server.call("query_omop", query);
    const [, statement = ""] = /^Error database_unsafe_role: Missing: (REVOKE [^;]+;)/.exec(refused.text) ??
      [];
    assert.match(statement, /^REVOKE TEMPORARY ON DATABASE "?cdm"? FROM PUBLIC, "?stock"?;$/, refused.text);
    assert.doesNotMatch(refused.text, /CREATE ROLE/);
    await database.sql(statement);
    // A failed check is repeated after a second at the earliest.
    await eventually(
      async () => /1 row/.test((await server.call("query_omop", query)).text),
      "the role may be used",
    );
  }, launch());
});

Deno.test("the line that cdm sample prints starts a server on the CDM that it has loaded", async () => {
  const { code, stdout, stderr } = await runCdm(
    ["sample", "--persons", "20", "--schema", "printed", "--reader", "omcp_reader"],
    { OMCP_ADMIN_URL: database.adminUrl, OMCP_LOG_LEVEL: "error" },
  );
  assert.equal(code, 0, stderr + stdout);
  const [, line = ""] = /^Serve it: {2}(.+)$/m.exec(stdout) ?? [];
  assert.doesNotMatch(line, /omcp_admin|s3cret/);
  const server = await connectCommand({
    command: "sh",
    args: ["-c", line.replace("PASSWORD", encodeURIComponent(PASSWORD))],
    env: { ...inheritedVariables(), OMCP_LOG_LEVEL: "error" },
    // In another folder than the checkout.
    cwd: "/",
  });
  try {
    const sandbox_id = await newSandbox(server);
    const input = { sandbox_id, table: "person", aggregates: [{ fn: "count", as: "n" }], into: "n" };
    assert.match((await server.call("query_omop", input)).text, /\n20$/);
    assert.match((await server.call("create_sandbox", {})).text, /in schema printed/);
  } finally {
    await server.close();
  }
});

/** What is wrong with a URL, and what query_omop says to do. */
const WRONG: Readonly<Record<string, { readonly change: (url: URL) => void; readonly says: RegExp }>> = {
  password: {
    change: (url) => url.password = "hunter2",
    says: /database_unavailable[^]*Correct the role and the password[^]*%40[^]*pg_hba/,
  },
  role: { change: (url) => url.username = "nobody", says: /Correct the role and the password/ },
  database: { change: (url) => url.pathname = "/absent", says: /name one that exists in the URL/ },
  port: {
    change: (url) => url.port = "1",
    says: /Check that the URL's server, 127\.0\.0\.1:1, is the right one/,
  },
  name: {
    change: (url) => url.hostname = "absent.invalid",
    says: /Check that the URL's server, absent\.invalid:\d+, is the right one/,
  },
};

for (const [name, { change, says }] of Object.entries(WRONG)) {
  Deno.test(`with a wrong ${name} in the database's URL, query_omop says what to correct, and shows no password`, async () => {
    const url = new URL(database.url);
    change(url);
    // In aggregate mode, a query needs no sandbox.
    await withServer({ OMCP_DATABASE_URL: url.href }, async (server) => {
      const query = { table: "person", aggregates: [{ fn: "count" }] };
      const { text } = await server.call("query_omop", query);
      assert.match(text, says);
      assert.ok(!/hunter2|s3cret/.test(text), text);
    }, { ...launch(), databaseHost: url.host });
  });
}

const ASK = `
import psycopg
try:
    with psycopg.connect(connect_timeout=20) as c:
        answer = c.execute("SELECT count(*) FROM person").fetchone()[0]
except psycopg.Error as error:
    answer = str(error)
answer`;

Deno.test("sandboxes work while the database is unavailable or stalled, get an error that says so, and reach it again", async () => {
  const environment = { OMCP_DATABASE_URL: database.url, OMCP_DISCLOSURE: "open" };
  await withServer(environment, async (server) => {
    const sandbox_id = await newSandbox(server);
    const ask = async (): Promise<string> =>
      (await server.call("execute_python_code", { sandbox_id, code: ASK, timeout: 30 })).text;
    assert.match(await ask(), /1000/);
    await database.pause();
    try {
      const reply = await server.call("execute_python_code", { sandbox_id, code: "6 * 7" });
      assert.match(reply.text, /42/);
      // Each waits for a connection: at the same time, in a context of its own.
      const [error, query] = await Promise.all([
        ask(),
        server.call("query_omop", { sandbox_id, table: "person", limit: 1, context: "other" }),
      ]);
      assert.match(error, /cannot be reached now: try again later/);
      assert.ok(!error.includes(String(database.port)) && !error.includes("127.0.0.1"), error);
      assert.equal(query.isError, true);
    } finally {
      await database.resume();
    }
    assert.match(await ask(), /1000/);
  }, launch());
});

Deno.test("if the database is unavailable at the start and lacks the schema, no answer says that the CDM is there", async () => {
  const environment = {
    OMCP_DATABASE_URL: database.url,
    OMCP_DISCLOSURE: "open",
    OMCP_CDM_SCHEMA: "nope",
  };
  await database.pause();
  let paused = true;
  try {
    await withServer(environment, async (server) => {
      const absent = /The server has not found the CDM yet/;
      const created = await server.call("create_sandbox", {});
      assert.match(created.text, absent);
      await database.resume();
      paused = false;
      const sandbox_id = sandboxIdIn(created.text);
      const query = await server.call("query_omop", { sandbox_id, table: "person", limit: 1 });
      assert.equal(query.isError, true);
      assert.match(query.text, /Schema nope holds nothing that the role may read/);
      const again = await server.call("create_sandbox", {});
      assert.match(again.text, absent);
      assert.doesNotMatch(again.text, /is in schema/);
    }, launch());
  } finally {
    if (paused) await database.resume();
  }
});
