import assert from "node:assert/strict";
import { OmcpError } from "../../../src/errors.ts";
import { AuditLog, digest, type StatementFacts } from "../../../src/observability/audit.ts";
import type { AuditLine, AuditSink } from "../../../src/observability/audit_sink.ts";

/** An audit whose lines a test can read. */
function auditOf(keepsSource = false): { readonly log: AuditLog; readonly lines: AuditLine[] } {
  const lines: AuditLine[] = [];
  const sink: AuditSink = { write: (line) => void lines.push(line), ready: () => true, close: () => {} };
  return { log: new AuditLog(sink, keepsSource), lines };
}

const STATEMENT: StatementFacts = {
  principal: "local",
  sandbox: "sbx_1",
  status: "ok",
  sqlstate: null,
  command: "select",
  digest: digest("select 'secret'"),
  normalized: "select $1",
  source: "select 'secret'",
  rows: 1,
  bytes: 20,
  durationMs: 3,
};
const EXECUTION = {
  execution: `exec_${"1".repeat(32)}`,
  principal: "local",
  sandbox: "sbx_1",
  tool: "execute_python_code",
  source: "print('é')",
  usesKernel: true,
};
const end = () => ({ status: "ok", bytes: 3 });

Deno.test("digest() returns the length and the SHA-256 of the text's UTF-8 bytes", () => {
  assert.deepEqual(digest(""), {
    length: 0,
    sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  });
  assert.equal(digest("é").length, 2);
});

Deno.test("a statement has the id of its sandbox's oldest running execution, or null if none runs", async () => {
  const { log, lines } = auditOf();
  const first = Promise.withResolvers<void>();
  const running = log.execution(EXECUTION, () => first.promise, end);
  const waiting = log.execution(
    { ...EXECUTION, execution: `exec_${"2".repeat(32)}` },
    () => Promise.resolve(),
    end,
  );
  log.statement(STATEMENT);
  log.statement({ ...STATEMENT, sandbox: "sbx_2" });
  await waiting;
  first.resolve();
  await running;
  log.statement(STATEMENT);
  const ids = lines.map(({ execution }) => execution);
  assert.match(String(ids[0]), /^exec_1{32}$/);
  assert.deepEqual([ids[0], ids[1], ids[4]], [ids[3], null, null]);
  assert.notEqual(ids[2], ids[0]);
});

Deno.test("a line has the source only if the operator asks for it, but always its length and hash", async () => {
  for (const keeps of [false, true]) {
    const { log, lines } = auditOf(keeps);
    await log.execution(EXECUTION, () => Promise.resolve(), end);
    log.statement(STATEMENT);
    assert.deepEqual(lines.map(({ length }) => length), [11, 15]);
    assert.deepEqual(lines.map(({ sha256 }) => sha256), [
      digest(EXECUTION.source).sha256,
      STATEMENT.digest?.sha256,
    ]);
    assert.equal(JSON.stringify(lines).includes("secret"), keeps);
    assert.equal(JSON.stringify(lines).includes("print"), keeps);
  }
});

Deno.test("an execution that throws is recorded with its code", async () => {
  const { log, lines } = auditOf();
  const lost = new OmcpError("sandbox_lost", "Sandbox is lost");
  await assert.rejects(log.execution(EXECUTION, () => Promise.reject(lost), end), lost);
  await assert.rejects(log.execution(EXECUTION, () => Promise.reject(new Error("defect")), end));
  assert.deepEqual(lines.map(({ status }) => status), ["sandbox_lost", "internal"]);
});
