/** A server with a CDM beside which there is much that a sandbox must not see, all of it named {@link CANARY}. */
import assert from "node:assert/strict";
import { urlUpstream } from "../../../src/postgres/mod.ts";
import { withGuarded } from "../../fixtures/postgres/guarded.ts";
import { bind, errorOf, execute, parse, type RawClient, SYNC } from "../../fixtures/postgres/raw_client.ts";
import { startPostgres, type TestPostgres } from "../../fixtures/postgres/test_postgres.ts";

/** In names, constants, source text and comments of all that must not be seen. */
export const CANARY = "canary7f3a";
/** In those of a table that may be read: they must be seen. */
export const SHOWN = "shown5b1c";

/** The roles that the tests use. */
export const ROLES = ["reader", "superuser"] as const;

const SETUP =
  `CREATE SCHEMA IF NOT EXISTS cdm; CREATE SCHEMA site; GRANT USAGE ON SCHEMA cdm, site TO omcp_reader;
    COMMENT ON SCHEMA site IS '${CANARY}';
    CREATE DOMAIN site.${CANARY}_dom AS text DEFAULT '${CANARY}' CHECK (VALUE <> '${CANARY}');
    CREATE TYPE site.${CANARY}_enum AS ENUM ('${CANARY}');
    COMMENT ON TYPE site.${CANARY}_enum IS '${CANARY}';
    CREATE TABLE cdm.person (person_id bigint PRIMARY KEY, kind text DEFAULT '${SHOWN}' CHECK (kind <> '${SHOWN}x'),
      twice bigint GENERATED ALWAYS AS (person_id * 2) STORED, serial serial);
    COMMENT ON TABLE cdm.person IS '${SHOWN}'; COMMENT ON COLUMN cdm.person.kind IS '${SHOWN}';
    CREATE INDEX shown_index ON cdm.person (kind) WHERE kind <> '${SHOWN}';
    CREATE TABLE cdm.${CANARY}_table (${CANARY}_id bigint PRIMARY KEY, x text DEFAULT '${CANARY}',
      y text GENERATED ALWAYS AS ('${CANARY}') STORED, z site.${CANARY}_dom, CONSTRAINT ${CANARY}_check CHECK (x <> '${CANARY}'));
    ALTER TABLE cdm.${CANARY}_table ADD CONSTRAINT person_kind_check CHECK (x <> '${CANARY}2');
    COMMENT ON TABLE cdm.${CANARY}_table IS '${CANARY}'; COMMENT ON COLUMN cdm.${CANARY}_table.x IS '${CANARY}';
    COMMENT ON CONSTRAINT ${CANARY}_check ON cdm.${CANARY}_table IS '${CANARY}';
    CREATE INDEX ${CANARY}_index ON cdm.${CANARY}_table ((x || '${CANARY}')) WHERE x <> '${CANARY}';
    CREATE STATISTICS cdm.${CANARY}_stat ON (x || '${CANARY}'), y FROM cdm.${CANARY}_table;
    CREATE TABLE cdm.${CANARY}_parts (x text) PARTITION BY LIST ((x || '${CANARY}'));
    CREATE TABLE cdm.${CANARY}_part PARTITION OF cdm.${CANARY}_parts FOR VALUES IN ('${CANARY}');
    CREATE VIEW cdm.${CANARY}_view AS SELECT '${CANARY}' AS x;
    CREATE VIEW cdm.death AS SELECT x AS person_id FROM cdm.${CANARY}_table WHERE x <> '${CANARY}';
    CREATE FUNCTION cdm.${CANARY}_f() RETURNS text LANGUAGE sql AS $$ SELECT '${CANARY}' $$;
    CREATE TABLE cdm.note (note_id bigint); ALTER TABLE cdm.note ENABLE ROW LEVEL SECURITY;
    CREATE POLICY ${CANARY}_policy ON cdm.note USING (note_id::text <> '${CANARY}');
    CREATE PUBLICATION ${CANARY}_pub FOR TABLE cdm.person;
    CREATE TABLE cdm.${CANARY}_child (${CANARY}_1 bigint, CONSTRAINT ${CANARY}_from FOREIGN KEY (${CANARY}_1) REFERENCES cdm.person);
    CREATE TABLE cdm.visit (x bigint, CONSTRAINT visit_to FOREIGN KEY (x) REFERENCES cdm.${CANARY}_table);
    CREATE TABLE cdm.${CANARY}_top (sort text) PARTITION BY LIST (sort);
    CREATE TABLE cdm.observation PARTITION OF cdm.${CANARY}_top FOR VALUES IN ('a');
    CREATE TABLE cdm.plain (id serial); ALTER SEQUENCE cdm.plain_id_seq RENAME TO ${CANARY}_seq;
    CREATE FUNCTION site.${CANARY}_minus(float8, float8) RETURNS float8 IMMUTABLE LANGUAGE sql AS $$ SELECT 1::float8 $$;
    CREATE OPERATOR site.<-!-> (LEFTARG = float8, RIGHTARG = float8, FUNCTION = site.${CANARY}_minus);
    CREATE TYPE site.${CANARY}_range AS RANGE (subtype = float8, subtype_diff = site.${CANARY}_minus);
    CREATE TEXT SEARCH CONFIGURATION site.${CANARY}_config (COPY = simple);
    CREATE TEXT SEARCH DICTIONARY site.${CANARY}_dictionary (TEMPLATE = simple);
    CREATE COLLATION site.${CANARY}_collation FROM "C"; CREATE SCHEMA ${CANARY}_schema;
    CREATE ACCESS METHOD ${CANARY}_method TYPE TABLE HANDLER heap_tableam_handler;
    CREATE TABLE cdm.measurement (person_id bigint) PARTITION BY RANGE (person_id);
    CREATE TABLE cdm.specimen PARTITION OF cdm.measurement FOR VALUES FROM (1) TO (9) PARTITION BY RANGE (person_id);
    CREATE TABLE cdm.${CANARY}_leaf PARTITION OF cdm.specimen FOR VALUES FROM (1) TO (9);
    CREATE FUNCTION site.${CANARY}_divide(x bigint) RETURNS bigint LANGUAGE sql SET work_mem = '4MB' AS $$ SELECT 1 / x $$;
    GRANT EXECUTE ON FUNCTION site.${CANARY}_divide TO omcp_reader;
    CREATE VIEW cdm.visit_detail AS SELECT site.${CANARY}_divide(x) AS x FROM (VALUES (0::bigint)) AS v(x);
    CREATE ROLE ${CANARY}_role; COMMENT ON ROLE ${CANARY}_role IS '${CANARY}'; COMMENT ON DATABASE cdm IS '${CANARY}';
    ALTER VIEW cdm.${CANARY}_view OWNER TO ${CANARY}_role;
    GRANT SELECT ON ALL TABLES IN SCHEMA cdm TO omcp_reader`;

/** A server, its roles' URLs, and the OIDs of a table that may be read and of one that is hidden. */
export interface Canaries {
  readonly url: string;
  readonly adminUrl: string;
  readonly oid: string;
  readonly hiddenOid: string;
}

/** Makes all that is to be seen and not to be seen. @param sql Runs SQL as the superuser. @returns The OIDs. */
export async function makeCanaries(
  sql: (text: string) => Promise<unknown>,
): Promise<Pick<Canaries, "oid" | "hiddenOid">> {
  await sql(SETUP);
  return {
    oid: String(await sql("SELECT 'cdm.person'::regclass::oid")),
    hiddenOid: String(await sql(`SELECT 'cdm.${CANARY}_table'::regclass::oid`)),
  };
}

/** Starts a server of our image with them. */
export async function startCanaryServer(): Promise<Canaries & { readonly server: TestPostgres }> {
  const server = await startPostgres();
  return { server, url: server.url, adminUrl: server.adminUrl, ...await makeCanaries(server.sql) };
}

/** Runs a test with a client of the server. */
export async function withClient(
  server: Pick<Canaries, "url" | "adminUrl">,
  role: "reader" | "superuser",
  part: (client: RawClient) => Promise<void>,
): Promise<void> {
  await withGuarded({
    upstream: urlUpstream(role === "reader" ? server.url : server.adminUrl),
    cdmRelations: new Set([
      "person",
      "death",
      "note",
      "visit",
      "observation",
      "visit_detail",
      "measurement",
      "specimen",
    ]),
    ...(role === "reader" ? {} : { allowUnsafeRole: "omcp_admin" }),
  }, part);
}

/** Sends probes in both protocols; fails where an answer has the canary. @returns How many were not refused. */
export async function mustNotShow(client: RawClient, probes: readonly string[]): Promise<number> {
  let answered = 0;
  for (const sql of probes) {
    const simple = await client.query(sql);
    await client.query("ROLLBACK");
    await client.send(parse("", sql), bind("", ""), execute(""), SYNC);
    const extended = await client.until("Z");
    if (errorOf(simple) === undefined) answered += 1;
    for (const { type, body } of [...simple, ...extended]) {
      const text = new TextDecoder().decode(body);
      // A refusal may repeat the request, which does not contain the canary.
      assert.ok(!text.includes(CANARY), `${sql}: ${type} ${text.slice(0, 300)}`);
    }
  }
  return answered;
}
