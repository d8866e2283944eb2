/** Finds where a statement shows rows of the catalogs, so that they can be written as {@link CatalogRows}. */
import { asNode, constantOf, type Fields, listOf, namesOf, partsOf, textOf } from "./ast.ts";
import { CatalogRows, OID_FUNCTIONS } from "./catalog_rows.ts";
import { Refusal } from "./refusal.ts";
import { unreadable } from "./refused.ts";
import type { PendingRows } from "./row_edits.ts";
import type { GuardPolicy } from "./types.ts";

const ROWS = new WeakMap<GuardPolicy, CatalogRows>();

/** What one statement reads of the catalogs. */
export class CatalogAccess {
  /** The subqueries of the policy. */
  readonly rows: CatalogRows;
  readonly #pending: PendingRows[] = [];

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
   * A function that is given an OID must not show what belongs to one that is hidden.
   *
   * @param call The fields of a FuncCall.
   * @throws {Refusal} It is called in a way that the guard cannot follow.
   */
  enterCall(call: Fields): void {
    const name = namesOf(call["funcname"])?.at(-1) ?? "";
    const rule = OID_FUNCTIONS.get(name);
    if (rule === undefined) return;
    const [oid, second] = listOf(call["args"]);
    const [only, ...others] = rule.catalogs;
    const catalog = others.length === 0 ? only : rule.catalogs.find((each) => each === constantOf(second));
    if (catalog === undefined || oid === undefined || asNode(oid)?.kind === "NamedArgExpr") {
      throw new Refusal(
        `${name}() needs the catalog as a constant`,
        `Write one of ${rule.catalogs.map((each) => `'${each}'`).join(", ")}`,
      );
    }
    if (this.rows.isAround(oid, catalog, rule.type)) return;
    if (rule.ofColumn === true && asNode(oid)?.kind !== "ColumnRef") {
      throw new Refusal(
        `permission denied for function ${name}() of anything but a column`,
        `Give it a column, as in ${name}(c.relowner) FROM pg_class AS c`,
      );
    }
    this.#pending.push({
      kind: "argument",
      offset: offsetOf(call, name),
      around: this.rows.around(catalog, rule.type),
    });
  }
}

/** Offset of a node in bytes. */
function offsetOf(fields: Fields, name: string): number {
  const offset = fields["location"] ?? 0;
  if (typeof offset === "number" && offset >= 0) return offset;
  throw unreadable(`a mention of "${name}"`);
}
