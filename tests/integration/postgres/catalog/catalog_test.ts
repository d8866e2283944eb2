import assert from "node:assert/strict";
import { catalogVersion } from "../../../../src/cdm/gateway.ts";
import { readCatalog } from "../../../../src/postgres/catalog/mod.ts";
import type { CdmCatalog } from "../../../../src/postgres/catalog/mod.ts";
import { urlUpstream } from "../../../../src/postgres/upstream/mod.ts";
import { startPostgres } from "../../../fixtures/postgres/test_postgres.ts";

const cdmRelations = new Set(["person", "death", "episode", "attribute_definition", "cdm_source"]);

Deno.test("readCatalog() finds what of the CDM the role may read, and its version", async (t) => {
  const server = await startPostgres();
  const look = async (cdmSchema: string): Promise<CdmCatalog> => {
    const signal = AbortSignal.timeout(60_000);
    const session = await urlUpstream(server.url).connect({}, signal);
    try {
      return await readCatalog(session, { cdmSchema, cdmRelations }, signal);
    } finally {
      session.close();
    }
  };
  try {
    await server.sql(`CREATE SCHEMA "o'm"; GRANT USAGE ON SCHEMA "o'm" TO omcp_reader;
      CREATE TABLE "o'm".person (); CREATE VIEW "o'm".death AS SELECT 1; CREATE TABLE "o'm".hidden (); CREATE TABLE "o'm".notes ();
      CREATE TABLE "o'm".episode (); CREATE FUNCTION "o'm".spy("o'm".person) RETURNS int LANGUAGE sql AS 'SELECT 1';
      CREATE FUNCTION "o'm".two(int, int) RETURNS int LANGUAGE sql AS 'SELECT 1'; GRANT EXECUTE ON FUNCTION "o'm".spy TO omcp_reader; GRANT SELECT ON "o'm".person, "o'm".death, "o'm".notes TO omcp_reader`);
    await t.step("granted CDM relations only, others apart", async () => {
      assert.deepEqual(await look("o'm"), {
        columns: new Set(["?column?"]),
        schema: "o'm",
        versionText: undefined,
        relations: new Set(["death", "person"]),
        others: ["notes"],
        rowFunctions: new Set(["spy"]),
        veiled: new Set(["death"]),
      });
    });
    await t.step("version by tables, then by cdm_source", async () => {
      await server.sql(`GRANT SELECT ON "o'm".episode TO omcp_reader`);
      assert.equal(catalogVersion(await look("o'm")), "5.4");
      await server.sql(
        `CREATE TABLE "o'm".cdm_source AS SELECT 'v5.3.1' AS cdm_version; GRANT SELECT ON "o'm".cdm_source TO omcp_reader`,
      );
      assert.equal(catalogVersion(await look("o'm")), "5.3");
      await server.sql(`ALTER TABLE "o'm".cdm_source DROP cdm_version`);
      assert.equal(catalogVersion(await look("o'm")), "5.4");
    });
    await t.step("a schema without a readable CDM", async () => {
      await assert.rejects(look("nowhere"), { code: "cdm_invalid" });
      await server.sql(`REVOKE SELECT ON "o'm".person FROM omcp_reader`);
      await assert.rejects(look("o'm"), { code: "cdm_invalid" });
    });
  } finally {
    await server.stop();
  }
});
