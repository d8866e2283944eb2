/** The same on PostgreSQL 15 as on 17: an OID must not reveal the name of what the policy hides. */
import assert from "node:assert/strict";
import { errorOf, firstColumn } from "../../fixtures/postgres/raw_client.ts";
import { makeCanaries, mustNotShow, ROLES, withClient } from "./canary_server.ts";
import { NAME_PROBES } from "./name_probes.ts";
import { HAS_POSTGRES_15, makeReader, startPostgres15 } from "./postgres15.ts";
import { PSQL } from "./psql.ts";

Deno.test({
  name: "no expression shows the name of a hidden object by its OID on PostgreSQL 15",
  ignore: !HAS_POSTGRES_15,
  fn: async () => {
    await using server = await startPostgres15();
    await makeReader(server);
    const { oid, hiddenOid } = await makeCanaries(server.sql);
    const urls = { url: server.url("omcp_reader"), adminUrl: server.url("omcp_admin") };
    for (const role of ROLES) {
      await withClient(urls, role, async (client) => {
        const probes = NAME_PROBES.map((sql) => sql.replaceAll(/\bOID\b/g, hiddenOid));
        assert.ok(await mustNotShow(client, probes) > 100);
        assert.deepEqual(firstColumn(await client.query("SELECT 'person'::regclass")), ["person"]);
        for (const sql of PSQL) {
          const all = await client.query(sql.replaceAll("OID", oid));
          assert.equal(errorOf(all)?.message, undefined, sql);
        }
      });
    }
  },
});
