/** A Postgres that prints every parse tree: the trees show whether the guard and the server read the same SQL. */
import assert from "node:assert/strict";
import * as z from "zod";
import { FUNCTIONS } from "../../../src/postgres/guard/functions.ts";
import { parseStatements } from "../../../src/postgres/guard/parser.ts";
import { CATALOG_RELATIONS, INFORMATION_SCHEMA_RELATIONS } from "../../../src/postgres/guard/relations.ts";
import { startPostgres, type TestPostgres } from "../../fixtures/postgres/test_postgres.ts";
import { planText } from "../../../src/postgres/guard/plan.ts";
import { trimmed } from "../../../src/postgres/guard/rewrite.ts";
import { DriverStatements } from "../../../src/postgres/guard/driver_statements.ts";
import { loadGrammar } from "../../../src/postgres/guard/grammar.ts";
import type { GuardPolicy } from "../../../src/postgres/guard/types.ts";

await loadGrammar();
const DRIVERS = new DriverStatements();

/** What a sandbox may read in it. */
export const POLICY: GuardPolicy = {
  cdmSchema: "cdm",
  relations: new Set(["person", "concept", "condition_occurrence", "measurement"]),
  columns: new Set(["person_id", "concept_id", "year_of_birth"]),
};
/** A text in everything that a client must not see: a hidden table, a site's function, a view's text, a column's missing value. */
export const CANARY = "canary-7f3a91";

/** A line of the log: the parse tree of a statement, and the text that the server read. */
interface Printed {
  /** Whether it was the tester's own statement, which arrives over the Unix socket. */
  readonly own: boolean;
  readonly tree: string;
  readonly statement: string;
  /** The SQL function whose body it is. */
  readonly body: string | undefined;
}

const RELATION = /\{RANGETBLENTRY [^{}]*(?:\{[^{}]*\}[^{}]*)*?:rtekind 0 :relid (\d+)/g;
const SELECTING = new Set([
  "select",
  "export_snapshot",
  "copy_out",
  "explain",
  "declare",
  "prepare",
  "execute",
]);
const NamesSchema = z.array(z.tuple([z.string(), z.string()]));

/** The server and its printed trees. */
export class Oracle implements AsyncDisposable {
  readonly server: TestPostgres;
  /** OIDs of all types that a parameter can have, the site's own among them. */
  readonly types: readonly number[];
  readonly #relations: ReadonlyMap<string, string>;
  readonly #functions: ReadonlyMap<string, string>;
  readonly #before: string;
  readonly #log: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  readonly #printed: Printed[] = [];
  #seen: (() => void) | undefined;
  /** Compared trees. */
  compared = 0;

  private constructor(
    server: TestPostgres,
    known: {
      readonly relations: ReadonlyMap<string, string>;
      readonly functions: ReadonlyMap<string, string>;
      readonly types: readonly number[];
      readonly hash: string;
    },
  ) {
    this.server = server;
    this.types = known.types;
    this.#relations = known.relations;
    this.#functions = known.functions;
    this.#before = known.hash;
    this.#log = new Deno.Command("docker", {
      args: ["logs", "--follow", server.name],
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#reading = this.#read();
  }

  /** Starts the server, with a CDM and hidden objects that contain canaries. */
  static async start(): Promise<Oracle> {
    const server = await startPostgres({
      settings: {
        debug_print_parse: "on",
        debug_pretty_print: "off",
        log_min_messages: "log",
        log_min_error_statement: "log",
        log_error_verbosity: "default",
        log_line_prefix: "%h@",
        // a line after the last statement, which ends it
        log_disconnections: "on",
        statement_timeout: "5s",
        temp_file_limit: "64MB",
        work_mem: "4MB",
      },
    });
    try {
      await server.sql(
        `CREATE SCHEMA IF NOT EXISTS cdm; CREATE SCHEMA site; GRANT USAGE ON SCHEMA cdm, site TO PUBLIC;
        CREATE TABLE cdm.person (person_id int, year_of_birth int, gender_concept_id int, race_concept_id int);
        INSERT INTO cdm.person SELECT g, 1950 + g, 8507, 0 FROM generate_series(1, 5) g;
        CREATE TABLE cdm.concept (concept_id int, concept_name text); CREATE TABLE cdm.measurement (person_id int);
        CREATE TABLE cdm.condition_occurrence (person_id int); CREATE TABLE cdm.secret (what text);
        INSERT INTO cdm.secret VALUES ('${CANARY}'); ALTER TABLE cdm.secret ADD later text DEFAULT '${CANARY}';
        ALTER TABLE cdm.secret ADD CONSTRAINT hidden CHECK (what <> '${CANARY}x'); COMMENT ON TABLE cdm.secret IS '${CANARY}';
        CREATE INDEX hidden_index ON cdm.secret (what) WHERE what <> '${CANARY}'; COMMENT ON COLUMN cdm.secret.what IS '${CANARY}';
        CREATE VIEW cdm.spy AS SELECT '${CANARY}'::text AS x; CREATE TABLE site.person AS SELECT '${CANARY}'::text AS person_id;
        CREATE FUNCTION site.canary() RETURNS text LANGUAGE sql AS $$ SELECT '${CANARY}'::text $$;
        CREATE FUNCTION site.upper(text) RETURNS text LANGUAGE sql AS $$ SELECT '${CANARY}'::text $$;
        CREATE DOMAIN site.dom AS text CHECK ((site.canary() || VALUE)::int > 0); CREATE TYPE site.pair AS (a site.dom)`,
      );
      const names = async (sql: string) => {
        const rows = (await server.sql(sql)).trim().split("\n").map((line) => line.split("|"));
        return new Map(NamesSchema.parse(rows));
      };
      return new Oracle(server, {
        relations: await names("SELECT oid, relnamespace::regnamespace || '.' || relname FROM pg_class"),
        functions: await names("SELECT oid, pronamespace::regnamespace || '.' || proname FROM pg_proc"),
        types: [...(await names("SELECT oid, typname FROM pg_type WHERE typtype <> 'p'")).keys()].map(Number),
        hash: await stateOf(server),
      });
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /**
   * Compares the statements that the server has parsed since the last call with what the guard allows.
   *
   * @returns The number of parse trees.
   * @throws {assert.AssertionError} The server parsed something that the guard did not forward.
   */
  async compare(): Promise<number> {
    const mark = `mark ${crypto.randomUUID()}`;
    await this.server.sql(`SELECT '${mark}'`);
    const deadline = performance.now() + 60_000;
    while (!this.#printed.some(({ own, statement }) => own && statement.includes(mark))) {
      assert.ok(performance.now() < deadline, "the server's log did not arrive");
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#seen = resolve;
      const timer = setTimeout(resolve, 200);
      await promise;
      clearTimeout(timer);
    }
    const printed = this.#printed.splice(0);
    const others = printed.filter(({ own }) => !own);
    for (const each of others) this.#compare(each);
    this.compared += others.length;
    return others.length;
  }

  /** Asserts that nothing has changed since the start. */
  async unchanged(): Promise<void> {
    assert.equal(await stateOf(this.server), this.#before);
    await this.compare();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
    await this.#reading;
    await this.#log.status;
  }

  #compare({ tree, statement, body }: Printed): void {
    const context = `${statement.slice(0, 4_000)}\n${tree.slice(0, 2_000)} … ${tree.slice(-300)}`;
    this.#checkNames(tree, context);
    // Some of PostgreSQL's own functions are SQL; another tree shows their calls.
    if (body !== undefined && FUNCTIONS.has(body)) return;
    const selects = /^\{QUERY :commandType 1 /.test(tree);
    // PostgreSQL replans an outdated statement from the text of PREPARE, where it has another position.
    if (selects && /^\s*(?:EXPLAIN\b.*?)?EXECUTE\b/is.test(statement)) return;
    const text = new TextEncoder().encode(statement);
    const start = Number(/:stmt_location (-?\d+)/.exec(lastPart(tree))?.[1] ?? "0");
    const length = Number(/:stmt_len (\d+)/.exec(lastPart(tree))?.[1] ?? "0");
    // Versions differ in whether white space belongs to a statement.
    const read = trimmed(text, {
      start: Math.max(0, start),
      end: length === 0 ? text.length : start + length,
    });
    const same = parseStatements(statement).map((each) => trimmed(text, each)).findIndex((range) =>
      range.start === read.start && range.end === read.end
    );
    assert.ok(same >= 0, `a statement at ${read.start} that the guard does not see: ${context}`);
    const only = new TextDecoder().decode(text.subarray(read.start, read.end));
    const [plan] = planText(only, "simple", { policy: POLICY, drivers: DRIVERS });
    // The guard knows some statements of drivers as a whole, and sends others for them that it would refuse from a client.
    const command = plan?.kind === "forward" ? plan.command : DRIVERS.sent.has(only) ? "select" : undefined;
    assert.ok(command !== undefined, `refused, and read: ${context}`);
    // The query within a COPY, EXPLAIN, DECLARE or PREPARE has a tree of its own.
    const fits = selects ? SELECTING.has(command) : command !== "select" && command !== "export_snapshot";
    assert.ok(fits, `another kind of statement than ${command}: ${context}`);
  }

  #checkNames(tree: string, context: string): void {
    for (const [, oid = ""] of tree.matchAll(RELATION)) {
      const name = this.#relations.get(oid) ?? oid;
      assert.ok(mayRead(name), `relation ${name} was read: ${context}`);
    }
    for (const [, oid = ""] of tree.matchAll(/:(?:funcid|aggfnoid|winfnoid) (\d+)/g)) {
      const name = this.#functions.get(oid) ?? oid;
      assert.ok(name.startsWith("pg_catalog."), `function ${name} was called: ${context}`);
    }
    for (const [, oid = ""] of tree.matchAll(/\{FUNCEXPR :funcid (\d+) [^{}]*?:funcformat 0 /g)) {
      const name = (this.#functions.get(oid) ?? oid).replace("pg_catalog.", "");
      assert.ok(
        FUNCTIONS.has(name) || name === "set_config" || name === "current_setting",
        `function ${name} was called: ${context}`,
      );
    }
  }

  async #read(): Promise<void> {
    let part: { kind: string; own: boolean; lines: string[] } = { kind: "", own: true, lines: [] };
    let tree = "";
    let body: string | undefined;
    let rest = "";
    const finish = (): void => {
      if (part.kind === "DETAIL" && part.lines[0]?.startsWith("{QUERY") === true) {
        tree = part.lines.join(" ");
        body = undefined;
      } else if (part.kind === "CONTEXT") body = /^SQL function "(\w+)"/.exec(part.lines[0] ?? "")?.[1];
      else if (part.kind === "STATEMENT" && tree !== "") {
        this.#printed.push({ own: part.own, tree, statement: part.lines.join("\n"), body });
        tree = "";
        this.#seen?.();
      }
    };
    for await (const text of this.#log.stderr.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const head = /^([^@\s]*)@([A-Z]+): {1,2}(.*)$/s.exec(line);
        if (head === null) {
          part.lines.push(line.replace(/^\t/, ""));
          continue;
        }
        finish();
        part = { kind: head[2] ?? "", own: head[1] === "[local]", lines: [head[3] ?? ""] };
      }
    }
  }
}

/** The part of the tree with the position of the outermost query. */
function lastPart(tree: string): string {
  return tree.slice(tree.lastIndexOf(":stmt_location"));
}

function mayRead(name: string): boolean {
  const dot = name.indexOf(".");
  const [schema, relation] = [name.slice(0, dot), name.slice(dot + 1)];
  if (schema === "cdm") return POLICY.relations.has(relation);
  // Known statements of drivers read two catalogs, the guard's own subqueries read one.
  if (schema === "pg_catalog") {
    return CATALOG_RELATIONS.has(relation) ||
      ["pg_settings", "pg_stat_wal_receiver", "pg_depend"].includes(relation);
  }
  return schema === "information_schema" && INFORMATION_SCHEMA_RELATIONS.has(relation);
}

/** Hashes the catalogs and the data. */
async function stateOf(server: TestPostgres): Promise<string> {
  const catalogs = [
    "pg_class",
    "pg_proc",
    "pg_authid",
    "pg_db_role_setting",
    "pg_namespace",
    "pg_largeobject_metadata",
    "pg_attribute",
  ];
  const parts = catalogs.map((name) =>
    `(SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) FROM (SELECT * FROM ${name}) t)`
  );
  const shown = parts.map((part) =>
    part.replace("(SELECT * FROM pg_class)", "(SELECT oid, relname, relacl, relkind, relowner FROM pg_class)")
  );
  const data =
    "(SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM cdm.person t) || (SELECT md5(string_agg(t::text, ',')) FROM cdm.secret t)";
  return await server.sql(`SELECT ${[...shown, data].join(" || ")}`);
}
