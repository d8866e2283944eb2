import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import * as z from "zod";
import { sandboxIdIn } from "../../../src/cli/demo/client.ts";
import { auditFiles } from "../../../src/observability/audit_files.ts";
import { verifyAudit } from "../../../src/observability/verify_audit.ts";
import { logOf } from "../../fixtures/logged_server.ts";
import { newSandbox, withServer } from "../../fixtures/server.ts";

const lineSchema = z.record(z.string(), z.union([z.string(), z.number(), z.null()]));
type Line = z.output<typeof lineSchema>;

/** The lines of all files of a folder, but for the first of each, which is about files. */
function linesOf(folder: string): Line[] {
  return auditFiles(folder).flatMap((name) =>
    Deno.readTextFileSync(`${folder}/${name}`).split("\n").slice(1, -1)
      .map((line) => lineSchema.parse(JSON.parse(line)))
  );
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Runs a test with the path of a folder for the audit, and checks that the audit is whole. */
async function withAuditFolder(test: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(`${folder}/audit`);
    assert.deepEqual((await verifyAudit({ folders: [`${folder}/audit`] })).problems, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const SQL = "select person_id from person where person_id = 7070707";
const SELECT =
  `import psycopg\nwith psycopg.connect() as c: rows = c.execute("${SQL}").fetchall()\nprint("ran")`;

Deno.test("the audit has a line for each statement and execution, without source or literal", async () => {
  await withAuditFolder(async (path) => {
    await withServer({ OMCP_AUDIT_FOLDER: path }, async (server) => {
      const sandbox_id = await newSandbox(server);
      assert.match((await server.call("execute_python_code", { sandbox_id, code: SELECT })).text, /ran/);
      const refused = `import psycopg\npsycopg.connect().execute("delete from person")`;
      await server.call("execute_python_code", { sandbox_id, code: refused });
      await server.call("query_omop", { sandbox_id, table: "person", limit: 2 });
      const before = linesOf(path);
      const executions = before.filter(({ event }) => event === "execution");
      const cells = executions.slice(1);
      assert.deepEqual(
        executions.map(({ status, tool, sandbox, principal }) => [status, tool, sandbox, principal]),
        [
          ["ok", "create_sandbox", null, "local"],
          ["ok", "execute_python_code", sandbox_id, "local"],
          ["error", "execute_python_code", sandbox_id, "local"],
          ["ok", "query_omop", sandbox_id, "local"],
        ],
      );
      assert.deepEqual([cells[0]?.["length"], cells[0]?.["sha256"], cells[0]?.["bytes"]], [
        SELECT.length,
        sha256(SELECT),
        4,
      ]);
      const select = before.find(({ sha256: hash }) => hash === sha256(SQL));
      assert.equal(select?.["execution"], cells[0]?.["execution"]);
      assert.deepEqual([select?.["status"], select?.["command"], select?.["rows"], select?.["length"]], [
        "ok",
        "select",
        0,
        SQL.length,
      ]);
      const deletion = before.find(({ sha256: hash }) => hash === sha256("delete from person"));
      assert.deepEqual([deletion?.["status"], deletion?.["sqlstate"]], ["refused", "25006"]);
      assert.equal(deletion?.["execution"], cells[1]?.["execution"]);
      assert.doesNotMatch(JSON.stringify(before), /7070707|import psycopg/);
    }, { auditFolder: path });
    assert.equal(linesOf(path)[0]?.["event"], "start");
    assert.equal(linesOf(path).at(-1)?.["event"], "end");
  });
});

Deno.test("with OMCP_AUDIT_SOURCE=on, the audit has the source of statements and cells", async () => {
  await withAuditFolder(async (path) => {
    await withServer({ OMCP_AUDIT_FOLDER: path, OMCP_AUDIT_SOURCE: "on" }, async (server) => {
      const sandbox_id = await newSandbox(server);
      await server.call("execute_python_code", { sandbox_id, code: SELECT });
      const sources = linesOf(path).map(({ source }) => source);
      assert.ok(sources.includes(SQL));
      assert.ok(sources.includes(SELECT));
    }, { auditFolder: path });
  });
});

Deno.test("calls about files are audited, by tool and size, without content", async () => {
  await withAuditFolder(async (path) => {
    await withServer({ OMCP_AUDIT_FOLDER: path, OMCP_DATABASE_URL: "none" }, async (server) => {
      const sandbox_id = await newSandbox(server);
      await server.call("write_file", { sandbox_id, path: "patient-4711", text: "seven" });
      await server.call("read_file", { sandbox_id, path: "none" });
      await server.readResource(`sandbox://${sandbox_id}/files/patient-4711`);
      const calls = linesOf(path).filter(({ sandbox, event }) =>
        sandbox === sandbox_id && event === "execution"
      );
      assert.deepEqual(
        calls.map(({ tool, status, bytes, principal }) => [tool, status, bytes, principal]),
        [
          ["write_file", "ok", 5, "local"],
          ["read_file", "file_not_found", 0, "local"],
          ["resources/read", "ok", 5, "local"],
        ],
      );
      assert.doesNotMatch(JSON.stringify(calls), /seven|4711/);
    }, { auditFolder: path });
  });
});

Deno.test("while the audit cannot be written, no statement runs, cells do, and no line is lost", async () => {
  await withAuditFolder(async (path) => {
    await withServer({ OMCP_AUDIT_FOLDER: path, OMCP_LOG_LEVEL: "error" }, async (server) => {
      const sandbox_id = await newSandbox(server);
      const run = async (code: string) =>
        (await server.call("execute_python_code", { sandbox_id, code })).text;
      assert.match(
        await run("import psycopg; c = psycopg.connect(autocommit=True, prepare_threshold=0)"),
        /ok/,
      );
      assert.match(await run('c.execute("select 1").fetchone()'), /\(1,\)/);
      Deno.renameSync(path, `${path}.away`);
      Deno.writeTextFileSync(path, "");
      assert.match(await run("1 + 1"), /2/);
      assert.match(
        await run('c.execute("select 1").fetchone()'),
        /cannot write its audit: the statement was not run/,
      );
      assert.match(
        (await server.call("query_omop", { sandbox_id, table: "person" })).text,
        /^Error database_unavailable: .*cannot write its audit[^]*Next: Ask the server's operator/,
      );
      Deno.removeSync(path);
      Deno.renameSync(`${path}.away`, path);
      assert.match(await run('c.execute("select 3").fetchone()'), /\(3,\)/);
      const executions = linesOf(path).filter(({ event }) => event === "execution").slice(2);
      assert.deepEqual(executions.map(({ status }) => status), [
        "ok",
        "ok",
        "error",
        "database_unavailable",
        "ok",
      ]);
      const statements = linesOf(path).filter(({ event }) => event === "statement").slice(-3);
      assert.deepEqual(statements.map(({ status, sqlstate }) => [status, sqlstate]), [
        ["refused", "58030"],
        ["refused", "58030"],
        ["ok", null],
      ]);
    }, { auditFolder: path });
  });
});

Deno.test("without a folder, the audit is on stderr at every log level", async () => {
  const lines = await logOf({ OMCP_DATABASE_URL: "none", OMCP_LOG_LEVEL: "error" }, async (call) => {
    const sandbox_id = sandboxIdIn(await call("create_sandbox", {}));
    await call("execute_python_code", { sandbox_id, code: "1" });
  });
  assert.deepEqual(lines.map(({ logger, properties }) => [logger, properties["event"]]), [
    ["omcp.audit", "start"],
    ["omcp.audit", "execution"],
    ["omcp.audit", "execution"],
    ["omcp.audit", "end"],
  ]);
});
