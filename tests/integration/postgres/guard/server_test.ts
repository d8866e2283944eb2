import assert from "node:assert/strict";
import { isInCatalog } from "../../../../src/postgres/guard/catalog_names.ts";
import {
  ALLOWED_VOLATILE,
  FUNCTION_COLUMNS,
  FUNCTIONS,
  OPERATORS,
  TYPES,
} from "../../../../src/postgres/guard/functions.ts";
import { ALLOWED_TYPES } from "../../../../src/postgres/guard/parameter_types.ts";
import { CATALOG_RELATIONS, INFORMATION_SCHEMA_RELATIONS } from "../../../../src/postgres/guard/relations.ts";
import { REG_FUNCTIONS } from "../../../../src/postgres/guard/reg_values.ts";
import { NAMED_COLUMNS } from "../../../../src/postgres/guard/shown_rows.ts";
import { READABLE_NAMES } from "../../../../src/postgres/guard/settings.ts";
import { POSTGRES_IMAGE as IMAGE } from "../../../fixtures/images.ts";
import { sentFor } from "../../../fixtures/postgres/planning.ts";

/** Starts the server of the image on its empty cluster, runs psql on what comes by stdin, and stops. */
const SCRIPT = `
set -e
cp -r /opt/omcp/pgdata-empty /tmp/data
chmod 700 /tmp/data
pg_ctl -D /tmp/data -o '-k /tmp' -l /tmp/log -w start >&2
psql -X -q -A -t -h /tmp -U omcp_admin -d cdm -v ON_ERROR_STOP=1
`;

async function docker(
  args: readonly string[],
  input?: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = new Deno.Command("docker", {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  if (input !== undefined) await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

async function psql(sql: string): Promise<readonly string[]> {
  const name = `omcp-test-guard-${crypto.randomUUID()}`;
  const label = `org.omcp.test=${name}`;
  const run = [
    "run",
    "--rm",
    "-i",
    "--name",
    name,
    "--label",
    label,
    "--network",
    "none",
    "--entrypoint",
    "sh",
  ];
  try {
    const { code, stdout, stderr } = await docker([...run, IMAGE, "-c", SCRIPT], sql);
    assert.equal(code, 0, stderr);
    return stdout.trim().split("\n");
  } finally {
    await docker(["rm", "--force", name]);
  }
}

function literals(values: Iterable<string>): string {
  return [...values].map((value) => `('${value.replaceAll("'", "''")}')`).join(", ");
}

function arities(): string {
  return [...FUNCTIONS].map(([name, [least, most]]) => `('${name}', ${least}, ${most})`).join(", ");
}

Deno.test({
  name:
    "the guard's lists name only what a real PostgreSQL has, and their volatile functions are exactly the expected ones",
  fn: async () => {
    const [
      missing = "",
      volatile = "",
      operators = "",
      types = "",
      relations = "",
      settings = "",
      rows = "",
      results = "",
      names = "",
    ] = await psql(`
      SELECT 'missing ' || coalesce(string_agg(n, ' ' ORDER BY n), '') FROM (VALUES ${
      literals(FUNCTIONS.keys())
    }) v(n)
        WHERE NOT EXISTS (SELECT FROM pg_proc WHERE proname = n AND pronamespace = 'pg_catalog'::regnamespace);
      SELECT 'volatile ' || string_agg(DISTINCT n, ' ' ORDER BY n) FROM (VALUES ${arities()}) v(n, least, most)
        JOIN pg_proc ON proname = n AND pronamespace = 'pg_catalog'::regnamespace
        WHERE provolatile = 'v' AND pronargs >= least AND pronargs - pronargdefaults <= most;
      SELECT 'operators ' || coalesce(string_agg(n, ' '), '') FROM (VALUES ${literals(OPERATORS)}) v(n)
        WHERE NOT EXISTS (SELECT FROM pg_operator WHERE oprname = n);
      SELECT 'types ' || coalesce(string_agg(n, ' '), '') FROM (VALUES ${literals(TYPES)}) v(n)
        WHERE NOT EXISTS (SELECT FROM pg_type WHERE typname = n AND typnamespace = 'pg_catalog'::regnamespace);
      SELECT 'relations ' || coalesce(string_agg(n, ' '), '') FROM
        (VALUES ${literals([...CATALOG_RELATIONS].map((name) => `pg_catalog.${name}`))},
          ${literals([...INFORMATION_SCHEMA_RELATIONS].map((name) => `information_schema.${name}`))}) v(n)
        WHERE to_regclass(n) IS NULL;
      SELECT 'settings ' || coalesce(string_agg(n, ' '), '') FROM
        (VALUES ${literals(READABLE_NAMES)}) v(n)
        WHERE current_setting(n, true) IS NULL;
      -- g.f on a row type calls f(row): of these, only harmless ones may exist
      SELECT 'rows ' || string_agg(DISTINCT proname, ' ' ORDER BY proname) FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace AND pronargs - pronargdefaults <= 1
        AND (proargtypes[0] IN (2249, 2276, 2283, 2776, 5077, 5079) OR provariadic = 2276)
        AND proname NOT IN (SELECT n FROM (VALUES ${literals(FUNCTIONS.keys())}) v(n));
      -- such a function, where it gives one value, names its column itself, whatever the alias; empty where none is forgotten
      SELECT 'results ' || coalesce(string_agg(DISTINCT proname, ' ' ORDER BY proname), '') FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace AND prorettype <> 2249 AND proargmodes && ARRAY['o', 'b', 't']::"char"[]
        AND proname IN (SELECT n FROM (VALUES ${literals(FUNCTIONS.keys())}) v(n))
        AND proname NOT IN (SELECT n FROM (VALUES ${literals(FUNCTION_COLUMNS.keys())}) v(n));
      SELECT 'names ' || string_agg(DISTINCT lower(proname), ' ') FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace;
    `);
    assert.equal(missing.trim(), "missing");
    assert.deepEqual(names.split(" ").slice(1).filter((name) => !isInCatalog(name)), []);
    assert.deepEqual(volatile.split(" ").slice(1), [...ALLOWED_VOLATILE].sort());
    assert.equal(operators.trim(), "operators");
    assert.equal(types.trim(), "types");
    assert.equal(relations.trim(), "relations");
    assert.equal(settings.trim(), "settings");
    assert.equal(results.trim(), "results");
    assert.deepEqual(rows.split(" ").slice(1), [
      "any_out",
      "anycompatible_out",
      "anycompatiblenonarray_out",
      "anyelement_out",
      "anynonarray_out",
      "hash_record",
      "pg_column_compression",
      "pg_column_toast_chunk_id",
      "record_out",
      "record_send",
    ]);
  },
});

Deno.test("the guard knows each function and each catalog's column that gives a value of a reg type", async () => {
  const reg =
    `(SELECT oid FROM pg_type WHERE typname ~ '^_?reg' AND typnamespace = 'pg_catalog'::regnamespace)`;
  const relations = [...CATALOG_RELATIONS].map((name) => `pg_catalog.${name}`)
    .concat([...INFORMATION_SCHEMA_RELATIONS].map((name) => `information_schema.${name}`));
  const [functions = "", columns = "", ...catalogs] = await psql(`
    SELECT 'functions ' || string_agg(DISTINCT proname, ' ' ORDER BY proname) FROM pg_proc
      WHERE pronamespace = 'pg_catalog'::regnamespace AND (prorettype IN ${reg} OR proallargtypes && ARRAY${reg})
      AND proname IN (SELECT n FROM (VALUES ${literals(FUNCTIONS.keys())}) v(n));
    SELECT 'columns ' || string_agg(c.relname || '.' || attname, ' ' ORDER BY c.relname || '.' || attname)
      FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
      WHERE atttypid IN ${reg} AND attrelid IN (SELECT n::regclass FROM (VALUES ${literals(relations)}) v(n));
    SELECT c.relname || ': ' || string_agg(attname || CASE WHEN atttypid IN ${reg} THEN '*' ELSE '' END, ' ' ORDER BY attnum)
      FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE attnum > 0
      AND c.relname IN (SELECT n FROM (VALUES ${
    literals(Object.keys(NAMED_COLUMNS))
  }) v(n)) GROUP BY c.relname ORDER BY 1;
  `);
  const known = [...REG_FUNCTIONS.keys(), "pg_partition_ancestors", "pg_typeof"].sort();
  assert.deepEqual(functions.split(" ").slice(1), known);
  assert.deepEqual(catalogs, Object.entries(NAMED_COLUMNS).map(([name, list]) => `${name}: ${list}`).sort());
  const given = catalogs.flatMap((line) => {
    const [name = "", list = ""] = line.split(": ");
    return list.split(" ").filter((column) => column.endsWith("*")).map((column) =>
      `${name}.${column.slice(0, -1)}`
    );
  });
  assert.deepEqual(columns.split(" ").slice(1), ["pg_am.amhandler", ...given].sort());
});

Deno.test("parameter types have the OIDs that a real PostgreSQL gives them", async () => {
  const names = literals(ALLOWED_TYPES.keys());
  const found = await psql(`SELECT typname || ' ' || oid || ' ' || typarray FROM pg_type
    WHERE typnamespace = 'pg_catalog'::regnamespace AND typname IN (SELECT n FROM (VALUES ${names}) v(n)) ORDER BY oid`);
  const wanted = [...ALLOWED_TYPES].map(([name, [oid, array]]) => `${name} ${oid} ${array}`);
  assert.deepEqual(found, wanted);
});

Deno.test({
  name:
    "a real PostgreSQL gives the same for what the guard rewrote, and is not shadowed by functions of the CDM's schema",
  fn: async () => {
    const rewritten = [
      "SELECT upper('ß'::varchar) || lower('É'::varchar), left('abc', 2), U&\"lo\\0077er\"('X'::varchar)",
      "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) FROM generate_series(1, 3) AS x",
      "SELECT g.key, g.value FROM jsonb_each('{\"a\": 1}') AS g",
      "SELECT sum(x) FILTER (WHERE x > 1) OVER (ORDER BY x) FROM unnest(ARRAY[1, 2]) AS x",
      "SELECT g.g, g.ordinality FROM generate_series(4, 4) WITH ORDINALITY AS g",
    ].map((sql) => sentFor(sql));
    const rows = await psql(`
      CREATE SCHEMA IF NOT EXISTS cdm;
      CREATE FUNCTION cdm.upper(varchar) RETURNS text LANGUAGE sql AS $$ SELECT 'shadowed'::text $$;
      CREATE FUNCTION cdm.lower(varchar) RETURNS text LANGUAGE sql AS $$ SELECT 'shadowed'::text $$;
      SET search_path = cdm;
      SELECT upper('x'::varchar);
      ${rewritten.join(";\n")};
    `);
    assert.deepEqual(rows, ["shadowed", "ßé|ab|x", "2", "a|1", "", "2", "4|1"]);
  },
});
