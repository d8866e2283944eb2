/** What a name means is decided as PostgreSQL decides it: by scope, not by what catalogs are called. */
import assert from "node:assert/strict";
import { refusalOf, sentFor } from "../../../fixtures/postgres/planning.ts";

const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  "a common table expression named like a catalog": [
    "WITH pg_class AS (SELECT 1 AS relacl) SELECT * FROM pg_class",
    "WITH pg_attribute AS (SELECT person_id AS attmissingval FROM person) SELECT a.attmissingval, a.* FROM pg_attribute a",
    "WITH pg_views AS (SELECT 'x' AS definition) SELECT definition FROM pg_views WHERE definition LIKE 'x%'",
    "WITH pg_views(definition) AS (VALUES ('x')) SELECT pg_views.to_json FROM pg_views",
    "WITH RECURSIVE pg_type AS (SELECT 1 AS typacl UNION ALL SELECT typacl + 1 FROM pg_type WHERE typacl < 3) SELECT * FROM pg_type",
    "SELECT x.definition FROM (WITH pg_views AS (SELECT 'x' AS definition) SELECT * FROM pg_views) x",
    "SELECT * FROM person WHERE EXISTS (WITH pg_roles AS (SELECT 1) SELECT * FROM pg_roles)",
    "WITH pg_tables AS (SELECT 1 AS a), b AS (SELECT * FROM pg_tables) SELECT * FROM b, (SELECT * FROM pg_tables) c",
  ],
  "an alias named like a catalog": [
    "SELECT pg_attribute.person_id, pg_attribute.* FROM person AS pg_attribute",
    "SELECT pg_views.definition FROM (SELECT 'x' AS definition) AS pg_views",
    "SELECT q.x FROM person AS pg_class, LATERAL (SELECT pg_class.person_id AS x) q",
    "SELECT p.x FROM person AS pg_type, LATERAL (SELECT pg_type.* FROM concept) AS p(x)",
  ],
  "an alias that means a catalog elsewhere": [
    "SELECT a.person_id FROM person a WHERE EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attname = 'x')",
    "SELECT a.* FROM person a, (SELECT a.attname FROM pg_attribute a) b",
    "SELECT x.definition FROM (SELECT 'x' AS definition) x UNION ALL SELECT v.viewname FROM pg_views v",
    "SELECT (SELECT a.person_id FROM person a LIMIT 1) FROM pg_attribute a",
  ],
};

const REFUSED: Readonly<Record<string, readonly string[]>> = {
  "a catalog that no expression in sight hides": [
    "WITH a AS (SELECT * FROM pg_class), pg_class AS (SELECT 1) SELECT * FROM a",
    "WITH pg_class AS (SELECT * FROM pg_class) SELECT * FROM pg_class",
    "(WITH pg_class AS (SELECT 1 AS x) SELECT * FROM pg_class) UNION ALL SELECT relacl::text::int FROM pg_class",
    "SELECT * FROM (WITH pg_class AS (SELECT 1) TABLE pg_class) x, pg_class",
    "WITH pg_class AS (SELECT 1) SELECT * FROM pg_catalog.pg_class",
    'WITH "PG_CLASS" AS (SELECT 1) SELECT * FROM pg_class',
    "WITH a AS (WITH pg_views AS (SELECT 1) TABLE pg_views), b AS (TABLE pg_views) TABLE b",
    "WITH pg_views AS (SELECT 1 AS definition) SELECT definition FROM pg_views, pg_catalog.pg_views v",
  ],
  "an expression that writes, whatever its name": [
    "WITH pg_class AS (DELETE FROM person RETURNING *) SELECT * FROM pg_class",
    "WITH RECURSIVE pg_class AS (UPDATE person SET person_id = 1 RETURNING *) SELECT * FROM pg_class",
  ],
  "an alias of a catalog in sight": [
    // without LATERAL, a subquery in FROM does not see the list around it
    "SELECT (SELECT x.t FROM person a, (SELECT a.to_json AS t) x) FROM pg_attribute a",
    "SELECT 1 FROM pg_attribute a WHERE EXISTS (SELECT 1 FROM person b WHERE a.attmissingval IS NOT NULL)",
    "SELECT x.v FROM pg_attribute a, LATERAL (SELECT a.attmissingval::text AS v) x",
    "SELECT x.v FROM pg_attribute a, LATERAL (SELECT y.v FROM (SELECT a AS v) y) x",
    "SELECT (SELECT a.array_agg FROM (person a CROSS JOIN concept c) AS j) FROM pg_attribute a",
    "SELECT (WITH w AS (SELECT a.attmissingval AS v) SELECT v::text FROM w, person a) FROM pg_attribute a",
    // a name with a schema passes over aliases
    "SELECT (SELECT pg_catalog.pg_attribute.attmissingval::text FROM person AS pg_attribute) FROM pg_catalog.pg_attribute",
    "SELECT 1 FROM person p JOIN pg_attribute a ON a.attmissingval IS NULL",
    "SELECT attmissingval FROM person p, pg_attribute",
  ],
};

for (const [what, statements] of Object.entries(ALLOWED)) {
  for (const sql of statements) Deno.test(`planText() lets through ${what}: ${sql}`, () => void sentFor(sql));
}

for (const [what, statements] of Object.entries(REFUSED)) {
  for (const sql of statements) {
    Deno.test(`planText() refuses ${what}: ${sql}`, () => {
      assert.match(refusalOf(sql).sqlstate, /^(42501|25006)$/);
    });
  }
}
