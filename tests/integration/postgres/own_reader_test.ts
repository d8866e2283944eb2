import assert from "node:assert/strict";
import type { AuditEntry } from "../../../src/postgres/broker/mod.ts";
import { Database, urlUpstream } from "../../../src/postgres/mod.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { startPostgres } from "../../fixtures/postgres/test_postgres.ts";

const NEVER = new AbortController().signal;
const LIMITS = { rows: 100, bytes: 100_000, ms: 10_000 };

Deno.test("statements of the server's own", async (t) => {
  const postgres = await startPostgres();
  const entries: AuditEntry[] = [];
  let auditing = true;
  const database = new Database({
    upstream: urlUpstream(postgres.url),
    cdmSchema: "cdm",
    cdmRelations: new Set(["person"]),
    audit: (entry) => entries.push(entry),
    auditing: { ready: () => auditing, keepsSource: false },
  });
  const running = async (): Promise<string> =>
    (await postgres.sql(
      "select count(*) from pg_stat_activity where usename = 'omcp_reader' and state = 'active' and query like '%pg_sleep%'",
    )).trim();
  try {
    await postgres.sql(`create schema cdm; grant usage on schema cdm to omcp_reader;
      create table cdm.person (person_id bigint); insert into cdm.person select generate_series(1, 5);
      grant select on cdm.person to omcp_reader`);
    const reader = await database.reader(NEVER);
    const read = async (sql: string, parameters: readonly string[] = [], more: Partial<typeof LIMITS> = {}) =>
      await reader.read({ sql, parameters }, { ...LIMITS, ...more }, NEVER);

    await t.step("a value stays a value, whatever is in it", async () => {
      const hostile = `'; drop table cdm.person; -- $1 \\ "é😀`;
      assert.deepEqual(await read("select cast($1 as text), cast(null as text)", [hostile]), [[
        hostile,
        null,
      ]]);
      assert.deepEqual(await read("select count(*) from person"), [["5"]]);
    });

    await t.step("a statement that would write is refused, and the session goes on", async () => {
      // The role may not write, and the session is read-only.
      await assert.rejects(read("delete from person"), { code: "database_refused" });
      await assert.rejects(read("create temporary table x (y int)"), { code: "database_refused" });
      assert.deepEqual(await read("show transaction_read_only"), [["on"]]);
    });

    await t.step("a statement that takes too long ends at the server, too", async () => {
      await assert.rejects(read("select pg_sleep(60)", [], { ms: 500 }), { code: "timeout" });
      await eventually(async () => await running() === "0", "the server has cancelled it");
      const call = new AbortController();
      const cancelled = reader.read({ sql: "select pg_sleep(60)", parameters: [] }, LIMITS, call.signal);
      await eventually(async () => await running() === "1", "it runs");
      call.abort(new Error("the client left"));
      await assert.rejects(cancelled, /the client left/);
      await eventually(async () => await running() === "0", "the server has cancelled it");
    });

    await t.step("a result beyond its limits is an error, not a part of it", async () => {
      const sql = "select repeat('x', 1000) from generate_series(1, 101)";
      await assert.rejects(read(sql), {
        code: "database_refused",
        message: /more than 100 rows or 100000 bytes/,
      });
      await assert.rejects(read(sql, [], { rows: 1000 }), { code: "database_refused" });
    });

    await t.step("a large result waits for its reader, and ends with it", async () => {
      let rows = 0;
      const limits = { rows: 1e6, bytes: 1e9, ms: 10_000 };
      const statement = { sql: "select g from generate_series(1, 100000) g", parameters: [] };
      await reader.stream(statement, limits, NEVER, () => {
        rows += 1;
        return rows % 10_000 === 0 ? new Promise((resolve) => setTimeout(resolve, 1)) : undefined;
      });
      assert.equal(rows, 100_000);
      const stop = reader.stream(statement, limits, NEVER, () => {
        throw new Error("enough");
      });
      await assert.rejects(stop, /enough/);
    });

    await t.step(
      "each statement is audited without its values; nothing runs while the audit cannot be written",
      async () => {
        entries.length = 0;
        await read("select cast($1 as text)", ["secret"]);
        await assert.rejects(read("select 1 / cast($1 as int)", ["0"]), { code: "database_refused" });
        assert.deepEqual(
          entries.map(({ sandboxId, rows, sqlstate }) => [sandboxId, rows, sqlstate]),
          [["server", 1, undefined], ["server", 0, "22012"]],
        );
        assert.doesNotMatch(JSON.stringify(entries), /secret/);
        auditing = false;
        await assert.rejects(read("select 1"), { code: "database_unavailable", message: /audit/ });
        assert.equal(entries.length, 2);
      },
    );
  } finally {
    await database.close();
    await postgres.stop();
  }
});
