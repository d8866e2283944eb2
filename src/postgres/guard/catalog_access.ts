/**
 * Finds where a statement shows rows of the catalogs, and names of objects by their OIDs, so that both can be written as
 * {@link CatalogRows} shows them.
 */
import { asNode, constantOf, type Fields, isFields, listOf, namesOf, partsOf, textOf } from "./ast.ts";
import { ANCESTORS, CatalogRows } from "./catalog_rows.ts";
import { OID_FUNCTIONS } from "./oid_functions.ts";
import { Refusal } from "./refusal.ts";
import { unreadable } from "./refused.ts";
import {
  columnNameOf,
  functionsIn,
  locationOf,
  REG_FUNCTIONS,
  REG_TYPES,
  startOf,
  typeOf,
  type Use,
} from "./reg_values.ts";
import type { PendingRows } from "./row_edits.ts";
import type { GuardPolicy } from "./types.ts";

const ROWS = new WeakMap<GuardPolicy, CatalogRows>();
/** Within a subquery, these would see its one row instead of the query's rows. */
const OF_MANY_ROWS = /"(?:over|agg_star)":/;
const AS_TEXT = "Cast one value, which is shown as the object's name: oid::regclass::text";

/** What one statement reads of the catalogs. */
export class CatalogAccess {
  /** The subqueries of the policy. */
  readonly rows: CatalogRows;
  readonly #pending: PendingRows[] = [];
  /** Types of casts that have been checked. */
  readonly #checkedTypes = new Set<unknown>();
  /** Calls and casts in FROM. */
  readonly #inFrom = new Set<Fields>();

  /** @param policy What may be read. */
  constructor(policy: GuardPolicy) {
    this.rows = ROWS.get(policy) ?? new CatalogRows(policy);
    ROWS.set(policy, this.rows);
  }

  /** The parts to rewrite, in the order of the walk. */
  get pending(): readonly PendingRows[] {
    return this.#pending;
  }

  /**
   * Notes a catalog in FROM.
   *
   * @param fields The fields of a RangeVar.
   * @param schema Its schema.
   * @returns Whether only some of its rows may be seen.
   * @throws {Refusal} A subquery cannot take its place.
   */
  enterRelation(fields: Fields, schema: string): boolean {
    const name = textOf(fields["relname"]);
    const rows = this.rows.rowsOf(schema, name);
    if (rows === undefined) return false;
    if (fields["inh"] !== true) {
      throw new Refusal(`ONLY is not allowed before catalog "${name}"`, "Leave it out");
    }
    const offset = offsetOf(fields, name);
    const alias = fields["alias"] === undefined ? name : undefined;
    this.#pending.push({
      kind: "relation",
      offset,
      schema: fields["schemaname"] !== undefined,
      rows,
      name: alias,
    });
    return true;
  }

  /** Notes a column that is named with the schema of its relation: a subquery has no schema. @param fields The fields of a ColumnRef. */
  noteColumn(fields: Fields): void {
    const [schema, relation, column] = partsOf(fields);
    if (partsOf(fields).length < 3 || schema === undefined || relation === undefined) return;
    if (this.rows.rowsOf(schema, relation) === undefined) return;
    this.#pending.push({ kind: "column", offset: offsetOf(fields, column ?? relation) });
  }

  /**
   * Notes a column with a function's OID that is shown as it is, or cast to text. It shows the function's name, as in PostgreSQL. For the site's
   * own functions it becomes NULL.
   *
   * @param column The wrapped ColumnRef.
   * @param names The parts of its name.
   */
  showFunction(column: unknown, names: readonly string[]): void {
    const name = names.at(-1) ?? "";
    const fields = asNode(column)?.fields ?? {};
    const around = this.rows.name("regproc", "").around(name);
    this.#pending.push({ kind: "value", offset: offsetOf(fields, name), names: names.length, around });
  }

  /** Notes functions in FROM. @param fields The fields of a RangeFunction. */
  noteFunction(fields: Fields): void {
    for (const item of functionsIn(fields)) this.#inFrom.add(item);
  }

  /**
   * Checks a call that could show what belongs to a hidden object: through an OID that is its argument, or through its result.
   *
   * @param call The fields of a FuncCall.
   * @param use What becomes of its result.
   * @throws {Refusal} It is called in a way that the guard cannot follow.
   */
  enterCall(call: Fields, use: Use): void {
    const name = namesOf(call["funcname"])?.at(-1) ?? "";
    if (name === "pg_partition_ancestors") {
      const [before, after] = ANCESTORS;
      const around = [`pg_catalog.unnest(${before}`, `${after})`] as const;
      this.#pending.push({ kind: "call", offset: offsetOf(call, name), around });
    }
    const type = REG_FUNCTIONS.get(name);
    if (use === "shown" && type !== undefined) this.#noteName({ node: call, kind: "call", name, type });
    if (use === "shown" && name === "pg_typeof") this.#noteTypeof(call);
    this.#enterOid(call, name);
  }

  #enterOid(call: Fields, name: string): void {
    const rule = OID_FUNCTIONS.get(name);
    if (rule === undefined) return;
    const { argument = 0, type } = rule;
    const args = listOf(call["args"]);
    const [only, ...others] = rule.catalogs;
    const catalog = others.length === 0 ? only : rule.catalogs.find((each) => each === constantOf(args[1]));
    const oid = asNode(args[argument]);
    const named = args.some((each) => asNode(each)?.kind === "NamedArgExpr");
    if (catalog === undefined || oid === undefined || named) {
      throw new Refusal(
        others.length === 0
          ? `${name}() needs its arguments without names`
          : `${name}() needs the catalog as a constant`,
        others.length === 0
          ? `Write ${name}(a, b) in place of ${name}(x => a)`
          : `Write one of ${rule.catalogs.map((each) => `'${each}'`).join(", ")}`,
      );
    }
    const template = type === "name" ? this.rows.name("regclass", catalog) : this.rows.oid(catalog, type);
    if (template.argumentIn(args[argument]) !== undefined) return;
    if (rule.ofColumn === true && oid.kind !== "ColumnRef") {
      throw new Refusal(
        `permission denied for function ${name}() of anything but a column`,
        `Give it a column, as in ${name}(c.relowner) FROM pg_class AS c`,
      );
    }
    this.#refuseOfMany(oid, `an argument of ${name}()`);
    this.#pending.push({
      kind: "argument",
      offset: offsetOf(call, name),
      argument,
      around: template.around(name),
    });
  }

  /**
   * Checks a cast, and notes one to a reg type whose value may be shown.
   *
   * @param cast The fields of a TypeCast.
   * @param use What becomes of its value.
   * @throws {Refusal} The value cannot be shown.
   */
  enterCast(cast: Fields, use: Use): void {
    const type = typeOf(cast);
    if (!REG_TYPES.has(type)) return;
    this.#checkedTypes.add(cast["typeName"]);
    if (use === "compared") return;
    const array = isFields(cast["typeName"]) && cast["typeName"]["arrayBounds"] !== undefined;
    const name = columnNameOf({ TypeCast: cast });
    if (array || REG_TYPES.get(type) === undefined) {
      throw new Refusal(
        `values of type ${type}${
          array ? "[]" : ""
        } may be compared, but not shown: they are names of what is hidden too`,
        array ? `Cast the values one by one: unnest(oids)::${type}::text` : "Cast it to oid",
      );
    }
    this.#noteName({ node: cast, kind: "cast", name, type });
  }

  /**
   * A reg type may be named in a cast only: the values of a column or a parameter could not be followed.
   *
   * @param type The fields of a TypeName.
   * @throws {Refusal} It is named elsewhere.
   */
  checkType(type: Fields): void {
    const name = namesOf(type["names"])?.at(-1) ?? "";
    if (!REG_TYPES.has(name) || this.#checkedTypes.has(type)) return;
    throw new Refusal(
      `type ${name} is not allowed for a column or a parameter`,
      `Declare it as oid. ${AS_TEXT}`,
    );
  }

  /** The type of an expression is not secret, but the value must not be of a reg type. */
  #noteTypeof(call: Fields): void {
    this.#refuseInFrom(call, "pg_typeof()");
    this.#pending.push({
      kind: "call",
      offset: offsetOf(call, "pg_typeof"),
      around: ["", "::pg_catalog.text"],
    });
  }

  #noteName(
    { node, kind, name, type }: { node: Fields; kind: "call" | "cast"; name: string; type: string },
  ): void {
    const what = kind === "call" ? `${name}()` : `a cast to ${type}`;
    this.#refuseInFrom(node, what);
    this.#refuseOfMany(node, what);
    const around = this.rows.name(type, REG_TYPES.get(type) ?? "").around(name);
    if (kind === "call") {
      this.#pending.push({ kind, offset: offsetOf(node, name), around });
      return;
    }
    // The tree has no place for a cast that is written as `regclass 'person'`.
    const offset = locationOf(node) ?? startOf(node["arg"]);
    const start = startOf({ TypeCast: node });
    if (start === undefined || offset === undefined) {
      throw new Refusal(`a cast to ${type} of this expression is not allowed`, AS_TEXT);
    }
    this.#pending.push({ kind, offset, start, around });
  }

  #refuseOfMany(node: object, what: string): void {
    if (!OF_MANY_ROWS.test(JSON.stringify(node))) return;
    throw new Refusal(
      `${what} may not contain count(*) or a window function`,
      "Compute that in a subquery in FROM, and use its column here",
    );
  }

  #refuseInFrom(node: Fields, what: string): void {
    if (!this.#inFrom.has(node)) return;
    throw new Refusal(`${what} is not allowed as a function in FROM`, "Write it in the SELECT list");
  }
}

/** Offset of a node in bytes. */
function offsetOf(fields: Fields, name: string): number {
  const offset = fields["location"] ?? 0;
  if (typeof offset === "number" && offset >= 0) return offset;
  throw unreadable(`a mention of "${name}"`);
}
