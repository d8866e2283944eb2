import { type Fields, textOf } from "./ast.ts";
import { closest } from "./closest.ts";
import { Refusal, SQLSTATE } from "./refusal.ts";
import { INTERMEDIATE_HINT } from "./refused.ts";
import { CATALOG_RELATIONS, INFORMATION_SCHEMA_RELATIONS } from "./relations.ts";
import type { GuardPolicy } from "./types.ts";

/** The most relations of a statement: the planner takes time for each, and for each pair that it may join. */
const MAX_RELATIONS = 500;

/** Names of the common table expressions in sight, innermost first, each with the number of relations that a mention adds. */
export interface Scope {
  readonly names: ReadonlyMap<string, number>;
  readonly outer: Scope | undefined;
}

type CatalogSchema = "pg_catalog" | "information_schema";

/** The number of relations that a mention of a common table expression adds; undefined if no expression of that name is in sight. */
function commonTable(name: string, scope: Scope | undefined): number | undefined {
  for (let level = scope; level !== undefined; level = level.outer) {
    const relations = level.names.get(name);
    if (relations !== undefined) return relations;
  }
  return undefined;
}

/**
 * Finds out whether a relation in FROM is a catalog. Names are looked up as PostgreSQL does: a common table expression first, then pg_catalog.
 *
 * @param fields The fields of a RangeVar.
 * @param scope The common table expressions in sight.
 * @returns The catalog's schema; undefined if the name means something else.
 */
export function catalogOf(fields: Fields, scope: Scope | undefined): CatalogSchema | undefined {
  const name = textOf(fields["relname"]);
  const schema = fields["schemaname"];
  if (schema === undefined && commonTable(name, scope) !== undefined) return undefined;
  if ((schema === undefined || schema === "pg_catalog") && CATALOG_RELATIONS.has(name)) return "pg_catalog";
  if (schema === "information_schema" && INFORMATION_SCHEMA_RELATIONS.has(name)) return schema;
  return undefined;
}

/** The relations of one statement, as the planner will see them. */
export class RangeTable {
  readonly #policy: GuardPolicy;
  #count = 0;
  #veiled: string | undefined;

  /** @param policy What may be read. */
  constructor(policy: GuardPolicy) {
    this.#policy = policy;
  }

  /** How many relations there are; a common table expression that is written out at each mention counts each time. */
  get count(): number {
    return this.#count;
  }

  /** A relation, if there is one, whose plan would show the tables and constants behind it: a view that hides them. */
  get veiled(): string | undefined {
    return this.#veiled;
  }

  /**
   * Counts relations.
   *
   * @param more How many.
   * @throws {Refusal} There are too many.
   */
  add(more: number): void {
    this.#count += more;
    if (this.#count <= MAX_RELATIONS) return;
    throw new Refusal(
      `the statement joins more than the ${MAX_RELATIONS} relations that are allowed, counting each NOT MATERIALIZED ` +
        "expression wherever it is used, and four for each catalog and each name or definition that is looked up by OID",
      "Leave NOT MATERIALIZED out, or split the statement",
      SQLSTATE.tooComplex,
    );
  }

  /**
   * Checks and counts a relation.
   *
   * @param fields The fields of a RangeVar.
   * @param scope The common table expressions in sight.
   * @returns The schema, where it is a catalog.
   * @throws {Refusal} Where it may not be read.
   */
  check(fields: Fields, scope: Scope | undefined): CatalogSchema | undefined {
    const name = textOf(fields["relname"]);
    const schema = fields["schemaname"];
    if (fields["relpersistence"] !== "p") {
      throw new Refusal("temporary and unlogged tables are not allowed", INTERMEDIATE_HINT);
    }
    const common = schema === undefined ? commonTable(name, scope) : undefined;
    this.add(common ?? 1);
    if (common !== undefined) return undefined;
    const catalog = catalogOf(fields, scope);
    if (catalog !== undefined) return catalog;
    const { relations, cdmSchema } = this.#policy;
    if ((schema === undefined || schema === cdmSchema) && relations.has(name)) {
      if (this.#policy.veiled?.has(name) === true) this.#veiled = name;
      return undefined;
    }
    if ((schema === undefined || schema === cdmSchema) && !name.startsWith("pg_")) throw this.#unknown(name);
    const shown = schema === undefined ? name : `${textOf(schema)}.${name}`;
    throw new Refusal(
      `permission denied for relation "${shown}": it is not among those a sandbox may read`,
      this.#hint(),
    );
  }

  #unknown(name: string): Refusal {
    const near = closest(name, this.#policy.relations);
    const hint = near !== undefined ? `Perhaps "${near}" is meant. ${this.#hint()}` : this.#hint();
    return new Refusal(`relation "${name}" does not exist or is not readable`, hint, SQLSTATE.undefinedTable);
  }

  #hint(): string {
    return `The tables of schema "${this.#policy.cdmSchema}" can be read, and what describes them in information_schema and ` +
      "pg_catalog";
  }
}
