/** Generates SQL like that of drivers, analysts and attackers. */
import { ALLOWED } from "../../fixtures/postgres/allowed.ts";
import { ALL_HOSTILE } from "../../attacks/postgres/hostile_sql.ts";

/** Random numbers from 0 to 1, the same for the same seed (mulberry32). */
export class Dice {
  #state: number;

  /** @param seed Any integer. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** The next number. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A random integer below another. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** A random one of several values. */
  of<T>(things: readonly T[]): T {
    const thing = things[this.below(things.length)];
    if (thing === undefined) throw new RangeError("Nothing to choose from");
    return thing;
  }
}

/** Queries that would show constants, source text and comments of objects whose OIDs can be guessed. */
const CATALOGS = [
  "SELECT pg_get_constraintdef(g::oid) FROM generate_series(16384, 16500) AS g",
  "SELECT pg_get_indexdef(g::oid), obj_description(g::oid, 'pg_class'), col_description(g::oid, 1) FROM generate_series(16384, 16500) AS g",
  "SELECT c.oid::regclass, CAST(c.relnamespace AS regnamespace)::text, regtype 'int4' FROM pg_class AS c WHERE c.oid = 'cdm.person'::regclass",
  "SELECT g::oid::regtype, format_type(g::oid, NULL), ARRAY[to_regclass(g::text)], pg_typeof(g) FROM generate_series(16384, 16500) AS g",
  "SELECT CASE WHEN g IN (SELECT pg_partition_ancestors('person')) THEN 'person'::regclass END FROM generate_series(1, 9) AS g",
  "SELECT pg_catalog.pg_class.relname, pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_class JOIN pg_attrdef d ON d.adrelid = pg_catalog.pg_class.oid",
  "SELECT conname, conbin::text, pg_get_constraintdef(c.oid, true) FROM pg_constraint AS c WHERE conrelid > 16384",
  "SELECT indexdef FROM pg_indexes WHERE schemaname = 'cdm'",
  "SELECT description FROM pg_description d JOIN pg_attribute a ON d.objoid = a.attrelid ORDER BY objoid DESC LIMIT 20",
  "SELECT table_name, column_default FROM information_schema.columns WHERE table_schema = 'cdm'",
  "SELECT pg_get_expr(i.indpred, i.indrelid), i.indpred::text FROM pg_index i WHERE i.indpred IS NOT NULL",
];
const CORPUS = [
  ...Object.values(ALLOWED).flat(),
  ...ALL_HOSTILE,
  // as often as all of the others of one kind
  ...Array.from({ length: 6 }, () => CATALOGS).flat(),
];
const SETTINGS = [
  ...[
    "standard_conforming_strings",
    "backslash_quote",
    "transaction_read_only",
    "default_transaction_read_only",
  ],
  ...[
    "row_security",
    "search_path",
    "client_encoding",
    "role",
    "session_authorization",
    "timezone",
    "datestyle",
  ],
  ...[
    "escape_string_warning",
    "transform_null_equals",
    "statement_timeout",
    "quote_all_identifiers",
    "array_nulls",
  ],
];
const VALUES = [
  ...[
    "'off'",
    "'on'",
    "off",
    "on",
    "'1'",
    "'0'",
    "1",
    "0",
    "DEFAULT",
    "'1'::numeric(2,-1)::text",
    "'on'::varchar(1)",
  ],
  ...[
    "'o' || 'ff'",
    "$1",
    "NULL",
    "(SELECT 'off')",
    "E'o\\x66f'",
    "U&'o\\0066f'",
    "'cdm'",
    "'site'",
    "'UTF8'",
    "'SJIS'",
  ],
  ...["$a$off$a$", "upper('off')", "'origin'", "'none'", "false", "'f'", "'no'"],
];
/** Literals that end earlier or later if backslashes escape; their rest is then SQL. */
const LITERALS = [
  "'\\'' ; SELECT what FROM cdm.secret; -- '",
  "'\\' || (SELECT what FROM cdm.secret) || '",
  "'\\'' || site.canary() || '\\''",
  "E'\\'; TABLE cdm.secret; --'",
  ..."'a''\\'|N'\\'|$q$'$q$|U&'\\0027'|B'0'|X'1F'|'x' 'y'|'x'\n'\\'|1e5|.5|0x1F|1_000|NULL|ARRAY['\\']|'é'|$1"
    .split("|"),
];
const PIECES = [
  ..."cdm.secret|secret|site.canary()|(SELECT what FROM cdm.secret)|pg_read_file('/etc/passwd')|lo_creat(-1)|*|,|;|--|/*|*/"
    .split("|"),
  ..."UNION ALL TABLE cdm.secret|::text|::numeric(2,-1)|::site.dom|'|\"|$$|(|)|.|E'|\\|WITH x AS (|INTO y|FOR UPDATE"
    .split("|"),
];

/** A statement about settings, in one of the many forms. @param dice The random numbers. */
export function setting(dice: Dice): string {
  // how SQL is read depends on this one, so it is as frequent as all others together
  const name = dice.below(2) === 0 ? "standard_conforming_strings" : dice.of(SETTINGS);
  const value = dice.of(VALUES);
  return dice.of([
    `SET ${name} = ${value}`,
    `SET LOCAL ${name} TO ${value}`,
    `SET SESSION ${name} TO ${value}`,
    `RESET ${name}`,
    `SET ${name} TO DEFAULT`,
    "RESET ALL",
    "DISCARD ALL",
    `SELECT set_config('${name}', ${value}, ${dice.of(["true", "false"])})`,
    `SELECT pg_catalog.set_config(${
      dice.of([`'${name}'`, `'${name}'::text`, `'${name.slice(0, 3)}' || '${name.slice(3)}'`])
    }, ${value}, false)`,
    `SELECT 1 WHERE set_config('${name}', ${value}, false) IS NOT NULL`,
    `ALTER ROLE CURRENT_USER SET ${name} = ${value}`,
    `EXPLAIN ANALYZE SELECT set_config('${name}', ${value}, false)`,
    `BEGIN READ WRITE`,
    `SET TRANSACTION READ WRITE`,
  ]);
}

/** SQL that has another meaning if backslashes escape. @param dice The random numbers. */
export function ambiguous(dice: Dice): string {
  return `SELECT ${dice.of(LITERALS.slice(0, 3))}${dice.of(["", " AS x", "::text"])}`;
}

/** A statement whose parameters the protocol may give types to. @param dice The random numbers. */
export function parameterized(dice: Dice): string {
  return dice.of(["SELECT $1", "SELECT $1, $2", "SELECT $1::text AS x", "SELECT 1 WHERE $1 IS NULL"]);
}

/** PREPARE and related statements, with names that the protocol uses too. @param dice The random numbers. */
export function prepared(dice: Dice): string {
  const name = dice.of(["s1", "s2", '"s1"', "s3"]);
  const inner = dice.below(2) === 0
    ? dice.of(CORPUS)
    : dice.below(2) === 0
    ? ambiguous(dice)
    : statement(dice);
  const parameters = dice.of([
    "",
    "",
    `(${dice.of(LITERALS)})`,
    `(1, ${dice.of(PIECES)})`,
    "(1)",
    "('a', 2)",
  ]);
  return dice.of([
    `PREPARE ${name} AS ${inner}`,
    `PREPARE ${name} (${dice.of(["int", "text", "site.dom", "date, int[]", "regclass"])}) AS ${inner}`,
    `PREPARE ${name} AS SELECT $1, ${dice.of(LITERALS)}`,
    `EXECUTE ${name}${parameters}`,
    `EXECUTE ${name}${parameters}`,
    `EXPLAIN ANALYZE EXECUTE ${name}${parameters}`,
    `DEALLOCATE ${dice.of([name, "ALL"])}`,
    `PREPARE ${name} AS ${inner}; EXECUTE ${name}${parameters}`,
  ]);
}

/** Splits SQL roughly into words, literals and signs, between which a mutation may insert others. */
function tokens(sql: string): string[] {
  return sql.match(/\s+|'(?:[^']|'')*'|"[^"]*"|[\p{L}\p{N}_$]+|./gsu) ?? [];
}

function mutated(sql: string, dice: Dice): string {
  const parts = tokens(sql);
  for (let turns = dice.below(3); turns >= 0; turns -= 1) {
    const at = dice.below(parts.length + 1);
    const change = dice.below(5);
    if (change === 0) parts.splice(at, 1);
    else if (change === 1) parts.splice(at, 0, ` ${dice.of(PIECES)} `);
    else if (change === 2) parts.splice(at, 1, dice.of(LITERALS));
    else if (change === 3) parts.splice(at, 1, parts[dice.below(parts.length)] ?? "");
    else parts.splice(at, dice.below(3), ...tokens(dice.of(CORPUS)).slice(0, 1 + dice.below(12)));
  }
  return parts.join("");
}

/**
 * Generates one text of SQL.
 *
 * @param dice The random numbers.
 * @returns The text: often one statement, sometimes several.
 */
export function statement(dice: Dice): string {
  const kind = dice.below(11);
  if (kind === 10) return prepared(dice);
  if (kind < 3) return setting(dice);
  if (kind < 5) {
    return `SELECT ${dice.of(LITERALS)}${dice.of(["", " AS x", "::text", `, ${dice.of(LITERALS)}`])}`;
  }
  if (kind < 6) return dice.of(CORPUS);
  if (kind < 9) return mutated(dice.of(CORPUS), dice);
  return `${statement(dice)};${statement(dice)}`;
}
