/** Every function, relation, setting, operator and statement of the server is classified, and the guard does what that says. */
import assert from "node:assert/strict";
import { startPostgres, type TestPostgres } from "../../../fixtures/postgres/test_postgres.ts";
import { FACTS, FUNCTION_GROUPS } from "./classification.ts";
import {
  CATALOG_STATEMENTS,
  RELATION_GROUPS,
  SETTING_GROUPS,
  STATEMENTS,
  TYPE_GROUPS,
} from "./classification_relations.ts";
import { planOf } from "../../../fixtures/postgres/planning.ts";

let server: TestPostgres;

Deno.test.beforeAll(async function start() {
  server = await startPostgres();
});

Deno.test.afterAll(async function stop() {
  await server.stop();
});

async function rows(sql: string): Promise<readonly (readonly string[])[]> {
  return (await server.sql(sql)).split("\n").map((line) => line.split("|"));
}

/** Finds the only group of a thing; several names of it, such as with its number of arguments, may be in it. */
function groupsOf<T extends { readonly names: string }>(
  groups: readonly T[],
  ...names: readonly string[]
): readonly T[] {
  return groups.filter((group) =>
    group.names.split(" ").some((pattern) => names.some((name) => new RegExp(`^(?:${pattern})$`).test(name)))
  );
}

function passes(sql: string): boolean {
  return planOf(sql).kind === "forward";
}

/** Arguments of functions that look at them. */
const ARGUMENTS: ReadonlyMap<string, string> = new Map([
  ["set_config/3", "'timezone', 'UTC', false"],
  ["current_setting/1", "'timezone'"],
  ["current_setting/2", "'timezone', true"],
  ["obj_description/2", "NULL, 'pg_class'"],
  ["pg_get_userbyid/1", "relowner"],
]);

const FUNCTIONS_SQL = `SELECT DISTINCT p.proname, p.pronargs, CASE
  WHEN p.proargtypes::oid[] && ARRAY['internal'::regtype, 'cstring'::regtype]::oid[] OR p.prorettype IN (SELECT oid FROM pg_type
    WHERE typname IN ('internal', 'cstring') OR typname ~ 'trigger$|_handler$') THEN 'internal'
  WHEN EXISTS (SELECT FROM pg_type WHERE p.oid IN (typinput, typoutput, typreceive, typsend, typmodin, typmodout, typanalyze, typsubscript)) THEN 'io'
  WHEN EXISTS (SELECT FROM pg_aggregate WHERE p.oid IN (aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggminvtransfn, aggmfinalfn)) THEN 'agg'
  WHEN EXISTS (SELECT FROM pg_amproc WHERE amproc = p.oid) THEN 'am' WHEN EXISTS (SELECT FROM pg_operator WHERE oprcode = p.oid) THEN 'op'
  WHEN EXISTS (SELECT FROM pg_cast WHERE castfunc = p.oid) THEN 'cast'
  WHEN EXISTS (SELECT FROM pg_range WHERE p.oid IN (rngsubdiff, rngcanonical)) THEN 'range' ELSE '' END
  FROM pg_proc p WHERE pronamespace = 'pg_catalog'::regnamespace ORDER BY 1, 2`;

Deno.test("every function of pg_catalog is in one group, and the guard agrees", async () => {
  const wrong: string[] = [];
  const used = new Set<string>();
  for (const [name = "", count = "", fact = ""] of await rows(FUNCTIONS_SQL)) {
    const signature = `${name}/${count}`;
    const groups = groupsOf(FUNCTION_GROUPS, name, signature);
    const [group] = groups;
    if (groups.length > 1 || (group === undefined && FACTS[fact] === undefined)) {
      wrong.push(
        `${signature} ${fact} is in ${groups.length} groups: ${
          groups.map(({ reason }) => reason).join("; ")
        }`,
      );
      continue;
    }
    if (group !== undefined) used.add(group.reason);
    const expected = group?.decision ?? "refused";
    const args = ARGUMENTS.get(signature) ?? Array.from({ length: Number(count) }, () => "NULL").join(", ");
    const decision = passes(`SELECT pg_catalog."${name}"(${args}) FROM pg_class`) ? "allowed" : "refused";
    if (decision !== expected) wrong.push(`${signature} is classified as ${expected}, and ${decision}`);
    // Neither SQL nor a sandbox has such values.
    if (decision === "allowed" && ["internal", "io"].includes(fact)) {
      wrong.push(`${signature} is ${fact}, and allowed`);
    }
  }
  assert.deepEqual(wrong, []);
  for (const { reason } of FUNCTION_GROUPS) assert.ok(used.has(reason), `nothing is in group: ${reason}`);
});

/** Finds what is in no group or several, or is treated otherwise than its group says; and groups without anything in them. */
function disagreements<T extends string>(
  things: readonly string[],
  groups: readonly { readonly decision: T; readonly reason: string; readonly names: string }[],
  ask: (name: string) => T,
): readonly string[] {
  const used = new Set<string>();
  const wrong = things.flatMap((name) => {
    const [group, ...others] = groupsOf(groups, name);
    if (group === undefined || others.length > 0) {
      return [
        `${name} is in ${
          group === undefined ? "no group" : [group, ...others].map(({ reason }) => reason).join("; ")
        }`,
      ];
    }
    used.add(group.reason);
    const decision = ask(name);
    return decision === group.decision ? [] : [`${name} is classified as ${group.decision}, and ${decision}`];
  });
  return [
    ...wrong,
    ...groups.filter(({ reason }) => !used.has(reason)).map(({ reason }) => `nothing is in group: ${reason}`),
  ];
}

async function names(sql: string): Promise<readonly string[]> {
  return (await server.sql(sql)).split("\n");
}

Deno.test("every relation of the catalogs is in one group, and the guard agrees", async () => {
  const relations = await names(
    `SELECT CASE n.nspname WHEN 'pg_catalog' THEN '' ELSE n.nspname || '.' END || relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('pg_catalog', 'information_schema') AND relkind IN ('r', 'v')`,
  );
  const ask = (name: string) => {
    const qualified = name.includes(".") ? name : `pg_catalog.${name}`;
    return passes(`SELECT count(*) FROM ${qualified}`) ? "allowed" : "refused";
  };
  assert.deepEqual(disagreements(relations, RELATION_GROUPS, ask), []);
});

Deno.test("every setting is in one group, and the guard agrees", async () => {
  const settings = await names("SELECT name FROM pg_settings");
  const ask = (name: string) => {
    const set = planOf(`SET ${name} TO DEFAULT`);
    const reset = planOf(`RESET ${name}`);
    assert.equal(set.kind, reset.kind, name);
    const reads = passes(`SHOW ${name}`);
    assert.equal(passes(`SELECT current_setting('${name}')`), reads, name);
    if (set.kind === "refuse") return reads ? "readable" : "hidden";
    assert.ok(reads, name);
    return set.sql === `SET ${name} TO DEFAULT` ? "changeable" : "kept";
  };
  assert.deepEqual(disagreements(settings, SETTING_GROUPS, ask), []);
});

Deno.test("every type of pg_catalog is in one group, and the guard agrees", async () => {
  const types = await names(`SELECT typname FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace
    AND typrelid = 0 AND typcategory <> 'A' OR typname IN ('int2vector', 'oidvector', 'anyarray', 'anycompatiblearray')`);
  const ask = (name: string) => passes(`SELECT NULL::pg_catalog."${name}"`) ? "allowed" : "refused";
  assert.deepEqual(disagreements(types, TYPE_GROUPS, ask), []);
});

Deno.test("every operator of pg_catalog is allowed, and none in another schema", async () => {
  const operators = await names(
    "SELECT DISTINCT oprname FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace",
  );
  for (const name of operators) {
    assert.ok(passes(`SELECT NULL OPERATOR(pg_catalog.${name}) NULL`), name);
    assert.ok(!passes(`SELECT NULL OPERATOR(cdm.${name}) NULL`), name);
  }
});

Deno.test("every statement that psql knows is classified, and the guard agrees", async () => {
  const help = await server.sql("\\h");
  const commands = help.split("\n").slice(1).flatMap((line) => line.trim().split(/ {2,}/)).filter((name) =>
    name !== ""
  );
  assert.ok(commands.length > 150, `${commands.length} commands`);
  const wrong: string[] = [];
  for (const command of commands) {
    const forms = STATEMENTS[command];
    if (CATALOG_STATEMENTS.test(command) === (forms !== undefined)) {
      wrong.push(`${command} is in no class, or in two`);
    }
    for (const sql of forms?.allowed ?? []) if (!passes(sql)) wrong.push(`refused: ${sql}`);
    for (const sql of forms?.refused ?? [`${command} x`]) if (passes(sql)) wrong.push(`allowed: ${sql}`);
  }
  assert.deepEqual(wrong, []);
  assert.deepEqual(Object.keys(STATEMENTS).filter((command) => !commands.includes(command)), []);
});
