/** Code of the site's own that runs in SQL with PostgreSQL's own names only, so that the guard cannot see it: auditRole() must find it. */
import assert from "node:assert/strict";
import { OmcpError } from "../../../../src/errors.ts";
import { auditRole, requireSafeRole, type RoleReport } from "../../../../src/postgres/roles/mod.ts";
import { urlUpstream } from "../../../../src/postgres/upstream/mod.ts";
import { startPostgres, type TestPostgres } from "../../../fixtures/postgres/test_postgres.ts";
import { sentFor } from "../../../fixtures/postgres/planning.ts";

/** Takes a lock, which shows that it ran, and gives a value. */
function spying(name: string, returns: string, value: string): string {
  return `CREATE FUNCTION site.${name} RETURNS ${returns} LANGUAGE sql IMMUTABLE AS $$ SELECT ${value} FROM
    (SELECT pg_advisory_lock(4711) OFFSET 0) x $$;`;
}

interface Case {
  readonly kind: string;
  readonly give: string;
  /** SQL that the guard lets pass and that runs the code. */
  readonly run: string;
}

const ORDERED = (type: string) =>
  `${spying(`less(${type}, ${type})`, "boolean", "true")} ${spying(`cmp(${type}, ${type})`, "int", "0")}
  CREATE OPERATOR site.<# (LEFTARG = ${type}, RIGHTARG = ${type}, FUNCTION = site.less);
  CREATE OPERATOR site.=# (LEFTARG = ${type}, RIGHTARG = ${type}, FUNCTION = site.less);
  CREATE OPERATOR CLASS site.ordered DEFAULT FOR TYPE ${type} USING btree AS
    OPERATOR 1 site.<#, OPERATOR 3 site.=#, FUNCTION 1 site.cmp(${type}, ${type});`;
const PERSON = "CREATE TABLE cdm.person (person_id bigint); INSERT INTO cdm.person VALUES (1), (2);";

const UNSAFE: readonly Case[] = [
  {
    kind: "operator_classes",
    give: PERSON + ORDERED("json"),
    run: "SELECT DISTINCT a FROM (VALUES ('1'::json), ('2')) v(a)",
  },
  {
    kind: "operator_classes",
    give: PERSON + ORDERED("point"),
    run: "SELECT a FROM (VALUES (point '(1,1)'), ('(2,2)')) v(a) ORDER BY a",
  },
  {
    kind: "operator_classes",
    give: PERSON + ORDERED("cdm.person"),
    run: "SELECT p FROM person p UNION SELECT p FROM person p",
  },
  {
    kind: "operator_classes",
    give: `${PERSON} ${spying("hash(json)", "int", "1")} ${spying("same(json, json)", "boolean", "true")}
      CREATE OPERATOR site.=# (LEFTARG = json, RIGHTARG = json, FUNCTION = site.same, HASHES);
      CREATE OPERATOR CLASS site.hashed DEFAULT FOR TYPE json USING hash AS OPERATOR 1 site.=#, FUNCTION 1 site.hash(json);`,
    run: "SELECT a FROM (VALUES ('1'::json), ('2')) v(a) GROUP BY a",
  },
  {
    kind: "casts",
    give: `${PERSON} ${spying("shown(cdm.person)", "text", "'x'")}
      CREATE CAST (cdm.person AS text) WITH FUNCTION site.shown(cdm.person);`,
    run: "SELECT p::text FROM person p",
  },
  {
    kind: "casts",
    give: `CREATE TYPE site.sex AS ENUM ('f', 'm'); CREATE TABLE cdm.person (person_id bigint, sex site.sex);
      INSERT INTO cdm.person VALUES (1, 'f'); ${spying("shown(site.sex)", "json", "'1'::json")}
      CREATE CAST (site.sex AS json) WITH FUNCTION site.shown(site.sex);`,
    run: "SELECT to_json(sex) FROM person",
  },
  {
    kind: "casts",
    give:
      `CREATE TYPE site.sex AS ENUM ('f', 'm'); CREATE TABLE cdm.person (person_id bigint, sex site.sex[]);
      INSERT INTO cdm.person VALUES (1, '{f}'); ${spying("number(site.sex)", "int", "1")}
      CREATE CAST (site.sex AS int) WITH FUNCTION site.number(site.sex) AS IMPLICIT;`,
    run: "SELECT sex[1] + 1 FROM person",
  },
  {
    kind: "casts",
    give: `CREATE TYPE site.sex AS ENUM ('f', 'm'); CREATE TABLE cdm.person (person_id bigint, sex site.sex);
      INSERT INTO cdm.person VALUES (1, 'f'); ${spying("shown(site.sex)", "text", "'x'")}
      CREATE CAST (site.sex AS text) WITH FUNCTION site.shown(site.sex) AS IMPLICIT;`,
    run: "SELECT upper(sex) FROM person",
  },
  {
    kind: "column_types",
    give: `${
      spying("fine(text)", "boolean", "true")
    } CREATE DOMAIN site.code AS text CHECK (site.fine(VALUE));
      CREATE TABLE cdm.person (person_id bigint, code site.code);`,
    run: "SELECT array_append(array_agg(code), 'made up') FROM person",
  },
  {
    kind: "column_types",
    give: `${
      spying("fine(text)", "boolean", "true")
    } CREATE DOMAIN site.code AS text CHECK (site.fine(VALUE));
      CREATE DOMAIN site.outer AS site.code; CREATE TABLE cdm.person (person_id bigint, codes site.outer[]);
      INSERT INTO cdm.person VALUES (1, NULL);`,
    run: "SELECT coalesce(codes, '{made up}') FROM person",
  },
  {
    kind: "column_types",
    give: `${spying("same(text, text)", "boolean", "true")}
      CREATE OPERATOR site.=# (LEFTARG = text, RIGHTARG = text, FUNCTION = site.same);
      CREATE DOMAIN site.code AS text CHECK (VALUE OPERATOR(site.=#) 'x'); CREATE TYPE site.pair AS (a int, b site.code);
      CREATE TABLE cdm.person (person_id bigint, pair site.pair); INSERT INTO cdm.person VALUES (1, NULL);`,
    run: "SELECT coalesce(pair, '(1,made up)') FROM person",
  },
  {
    kind: "column_types",
    give: `CREATE DOMAIN site.code AS text CHECK (pg_try_advisory_lock(4711));
      CREATE TABLE cdm.person (person_id bigint, code site.code); `,
    run: "SELECT array_append(array_agg(code), 'made up') FROM person",
  },
  {
    kind: "catalog_objects",
    give: `${PERSON} ${spying("f()", "int", "1")}
      CREATE FUNCTION pg_catalog.upper(cdm.person) RETURNS text LANGUAGE sql AS $$ SELECT 'x' FROM
      (SELECT pg_advisory_lock(4711) OFFSET 0) x $$;`,
    run: "SELECT upper(p) FROM person p",
  },
  {
    kind: "catalog_objects",
    give: `${PERSON} ${spying("added(cdm.person, int)", "int", "1")}
      CREATE OPERATOR pg_catalog.+ (LEFTARG = cdm.person, RIGHTARG = int, FUNCTION = site.added);`,
    run: "SELECT p + 1 FROM person p",
  },
];

const ADVICE: readonly Case[] = [
  {
    kind: "code_on_read",
    give: `${spying("f(int)", "int", "1")} CREATE VIEW cdm.person AS SELECT site.f(1) AS person_id;`,
    run: "SELECT * FROM person",
  },
  {
    kind: "code_on_read",
    give: `${spying("f(int)", "int", "1")} CREATE VIEW site.inner AS SELECT site.f(1) AS person_id;
      CREATE VIEW cdm.person AS TABLE site.inner;`,
    run: "SELECT * FROM person",
  },
  {
    kind: "code_on_read",
    give: `${PERSON} ${
      spying("f(bigint)", "boolean", "true")
    } ALTER TABLE cdm.person ENABLE ROW LEVEL SECURITY;
      CREATE POLICY p ON cdm.person USING (site.f(person_id));`,
    run: "",
  },
  {
    kind: "code_on_read",
    give: `${PERSON} ${
      spying("f(bigint)", "boolean", "true")
    } CREATE INDEX ON cdm.person (site.f(person_id));`,
    run: "",
  },
  {
    kind: "code_on_read",
    give: `${PERSON} CREATE FUNCTION site.f() RETURNS event_trigger LANGUAGE internal AS 'pg_backend_pid';
      CREATE EVENT TRIGGER on_login ON login EXECUTE FUNCTION site.f();`,
    run: "",
  },
];

/** What a site may well have. */
const HARMLESS = [
  `CREATE DOMAIN site.year AS int CHECK (VALUE BETWEEN 1800 AND 2100); CREATE TYPE site.sex AS ENUM ('f', 'm');
  CREATE TABLE cdm.person (person_id bigint, y site.year, sex site.sex, period int4range);
  CREATE INDEX ON cdm.person (abs(person_id)); CREATE VIEW cdm.death AS SELECT person_id, lower('A') AS a FROM cdm.person`,
  `${PERSON} CREATE TABLE site.unrelated (a int); ${spying("f(site.unrelated)", "text", "'x'")}
  CREATE CAST (site.unrelated AS text) WITH FUNCTION site.f(site.unrelated)`,
];

let server: TestPostgres;

Deno.test.beforeAll(async function start() {
  server = await startPostgres();
});

Deno.test.afterAll(async function stop() {
  await server.stop();
});

async function fresh(): Promise<void> {
  const drops = await server.sql(
    `SELECT format('DROP %s %s CASCADE;', CASE p.prokind WHEN 'f' THEN 'FUNCTION' END, p.oid::regprocedure) FROM pg_proc p
      WHERE p.oid >= 16384 AND p.pronamespace = 'pg_catalog'::regnamespace AND p.proname IN ('upper')`,
  );
  await server.sql(
    `DROP EVENT TRIGGER IF EXISTS on_login; ${drops}
    DROP SCHEMA IF EXISTS site CASCADE; DROP SCHEMA IF EXISTS cdm CASCADE; CREATE SCHEMA site; CREATE SCHEMA cdm;
    GRANT USAGE ON SCHEMA cdm TO omcp_reader`,
  );
}

async function look(): Promise<RoleReport> {
  const signal = AbortSignal.timeout(60_000);
  const session = await urlUpstream(server.url).connect({ search_path: "cdm" }, signal);
  try {
    return await auditRole(session, "cdm", signal);
  } finally {
    session.close();
  }
}

Deno.test("auditRole() finds site code that SQL of built-in names alone would run", async (t) => {
  for (const [severity, cases] of [["unsafe", UNSAFE], ["advice", ADVICE]] as const) {
    for (const { kind, give, run } of cases) {
      await t.step(`${kind}: ${run === "" ? give.slice(0, 100) : run}`, async () => {
        await fresh();
        await server.sql(give);
        if (run !== "") {
          const policy = { cdmSchema: "cdm", relations: new Set(["person"]) };
          const locks =
            "SELECT 'locks ' || count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711";
          const out = await server.sql(`SET search_path = cdm; ${sentFor(run, policy)}; ${locks}`);
          assert.match(out, /locks 1/, "it runs the site's code");
        }
        const found = (await look()).problems.map((problem) => `${problem.severity} ${problem.kind}`);
        assert.ok(found.includes(`${severity} ${kind}`), `${kind} in ${found.join(", ")}`);
      });
    }
  }
});

Deno.test("auditRole() accepts what sites have: plain domains, enums, views and casts out of sight", async () => {
  for (const give of HARMLESS) {
    await fresh();
    await server.sql(give);
    assert.deepEqual((await look()).problems, []);
  }
});

Deno.test("requireSafeRole() says what to do about the database, where the role is right", async () => {
  await fresh();
  await server.sql(PERSON + ORDERED("json"));
  const report = await look();
  assert.throws(() => requireSafeRole(report, { cdmSchema: "cdm" }), (error) => {
    assert.ok(error instanceof OmcpError);
    assert.match(error.message, /site\.ordered for access method btree: site\.cmp\(json,json\)/);
    assert.match(error.next ?? "", /^Drop what is listed/);
    return true;
  });
  requireSafeRole(report, { cdmSchema: "cdm", allowUnsafeRole: "omcp_reader" });
});
