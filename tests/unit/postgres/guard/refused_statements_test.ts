/** Every statement of PostgreSQL's grammar passes in some form, or is refused with its cause and a next step. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { asNode } from "../../../../src/postgres/guard/ast.ts";
import { parseStatements } from "../../../../src/postgres/guard/parser.ts";
import { refusedStatement } from "../../../../src/postgres/guard/refused.ts";
import { planOf, refusalOf } from "../../../fixtures/postgres/planning.ts";

/** Kinds that pass in some form, with one that does, and one that does not if there is one. */
const PASSING: Readonly<Record<string, readonly [passes: string, refused?: string]>> = {
  ClosePortalStmt: ["CLOSE c"],
  CopyStmt: ["COPY person TO STDOUT", "COPY person FROM STDIN"],
  DeallocateStmt: ["DEALLOCATE q"],
  DeclareCursorStmt: ["DECLARE c CURSOR FOR SELECT 1", "DECLARE c CURSOR WITH HOLD FOR SELECT 1"],
  DiscardStmt: ["DISCARD ALL"],
  ExecuteStmt: ["EXECUTE q", "EXECUTE q(lo_create(0))"],
  ExplainStmt: ["EXPLAIN SELECT 1", "EXPLAIN (SETTINGS) SELECT 1"],
  FetchStmt: ["FETCH c"],
  PrepareStmt: ["PREPARE q AS SELECT 1", "PREPARE q AS DELETE FROM person"],
  SelectStmt: ["SELECT 1", "SELECT 1 INTO x"],
  TransactionStmt: ["BEGIN", "PREPARE TRANSACTION 'x'"],
  UnlistenStmt: ["UNLISTEN *"],
  VariableSetStmt: ["SET timezone = 'UTC'", "SET ROLE x"],
  VariableShowStmt: ["SHOW timezone", "SHOW data_directory"],
};

/** Names in the grammar's binary that are parts of other statements, or of what has been analyzed. */
const NOT_STATEMENTS = new Set(["RawStmt", "ReplicaIdentityStmt", "SetOperationStmt"]);

function grammarKinds(): readonly string[] {
  const path = createRequire(import.meta.url).resolve("libpg-query/wasm/libpg-query.wasm");
  const text = new TextDecoder("latin1").decode(Deno.readFileSync(path));
  return [...new Set(text.match(/\b[A-Z][A-Za-z]+Stmt\b/g))].filter((kind) => !NOT_STATEMENTS.has(kind));
}

Deno.test("every statement of the grammar passes in some form, or is refused for a cause of its own", () => {
  const kinds = grammarKinds();
  assert.ok(kinds.length > 110, `${kinds.length} kinds`);
  const hints = new Set<string>();
  for (const kind of kinds) {
    if (Object.hasOwn(PASSING, kind)) continue;
    const { message, hint } = refusedStatement({ kind, fields: {} });
    assert.match(message, /^cannot execute [A-Za-z][\w /…,]+ in a sandbox: \w/, kind);
    assert.match(hint, /^[A-Z].{20,}[^.]$/, kind);
    hints.add(hint);
  }
  assert.ok(hints.size >= 8, "the next steps differ");
  assert.deepEqual(Object.keys(PASSING).filter((kind) => !kinds.includes(kind)), []);
});

for (const [kind, [passes, refused]] of Object.entries(PASSING)) {
  Deno.test(`${kind} passes, and what of it is refused has a next step`, () => {
    assert.equal(asNode(parseStatements(passes)[0]?.tree)?.kind, kind);
    assert.equal(planOf(passes).kind, "forward");
    if (refused === undefined) return;
    assert.equal(asNode(parseStatements(refused)[0]?.tree)?.kind, kind);
    assert.match(refusalOf(refused).hint ?? "", /^[A-Z].{10,}/);
  });
}

/** What people and tools send by habit, and the words that help. */
const HABITS: readonly (readonly [sql: string, message: RegExp, hint: RegExp])[] = [
  ["CREATE TEMP TABLE t AS SELECT 1", /CREATE TABLE AS/, /WITH name AS .*DataFrame.*\/workspace/],
  ["CREATE TEMP TABLE t (a int)", /CREATE TABLE in/, /WITH name AS .*DataFrame.*\/workspace/],
  ["CREATE VIEW v AS SELECT 1", /CREATE VIEW/, /WITH name AS/],
  ["CREATE MATERIALIZED VIEW v AS SELECT 1", /CREATE MATERIALIZED VIEW/, /WITH name AS/],
  ["SELECT 1 INTO TEMP t", /SELECT INTO/, /WITH name AS/],
  ["INSERT INTO person VALUES (1)", /INSERT .*only be read/, /DataFrame/],
  ["UPDATE person SET person_id = 1", /UPDATE/, /DataFrame/],
  ["COPY person FROM STDIN", /COPY FROM/, /DataFrame/],
  ["COPY (SELECT 1) TO '/tmp/x'", /COPY to a file/, /TO STDOUT/],
  ["CREATE EXTENSION tablefunc", /CREATE EXTENSION/, /Python/],
  ["DO 'x'", /cannot execute DO /, /Python/],
  ["CALL f()", /CALL/, /Python/],
  ["LISTEN x", /LISTEN/, /Query again/],
  ["LOCK person", /LOCK/, /REPEATABLE READ/],
  ["SELECT 1 FROM person FOR UPDATE", /FOR UPDATE/, /Leave it out/],
  ["VACUUM", /VACUUM/, /EXPLAIN SELECT/],
  ["ANALYZE person", /ANALYZE/, /EXPLAIN SELECT/],
  ["SET ROLE x", /"role"/, /application_name/],
  ["SET work_mem = '1GB'", /"work_mem"/, /enable_/],
  ["GRANT SELECT ON person TO x", /GRANT/, /operator/],
  ["ALTER SYSTEM SET work_mem = 1", /ALTER SYSTEM/, /SET name = value/],
  ["SELECT pg_sleep(1)", /pg_sleep\(\)/, /only compute/],
  ["SELECT * FROM note", /"note" does not exist/, /can be read/],
];

for (const [sql, message, hint] of HABITS) {
  Deno.test(`the refusal of ${sql} says why, and what to do`, () => {
    const refusal = refusalOf(sql);
    assert.match(refusal.message, message);
    assert.match(refusal.hint ?? "", hint);
  });
}
