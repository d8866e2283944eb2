import assert from "node:assert/strict";
import { AdminSession } from "../../../../src/cdm/load/admin_session.ts";
import { TableWriter } from "../../../../src/cdm/load/table_writer.ts";
import { urlUpstream } from "../../../../src/postgres/mod.ts";
import { startPostgres } from "../../../fixtures/postgres/test_postgres.ts";

Deno.test("TableWriter finds the rows that only the database refuses, and copies all others", async () => {
  const postgres = await startPostgres();
  try {
    await postgres.sql("CREATE SCHEMA s; CREATE TABLE s.t (n int CHECK (n % 700 <> 0), pad text)");
    const session = await AdminSession.open(urlUpstream(postgres.adminUrl), new AbortController().signal);
    try {
      await session.run("BEGIN");
      const refused: [number, string][] = [];
      const writer = new TableWriter<number>({
        session,
        schema: "s",
        table: "t",
        columns: ["n", "pad"],
        onRefused: (origin, sqlstate) => refused.push([origin, sqlstate]),
      });
      const pad = "x".repeat(3000);
      for (let n = 1; n <= 2000; n += 1) await writer.add(`${n}\t${pad}`, n);
      await writer.end();
      assert.equal(await session.count("SELECT count(*) FROM s.t"), 1998);
      assert.equal(writer.loaded, 1998);
      assert.deepEqual(refused, [[700, "23514"], [1400, "23514"]]);
    } finally {
      session.close();
    }
  } finally {
    await postgres.stop();
  }
});
