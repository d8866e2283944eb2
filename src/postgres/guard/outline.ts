/** Makes the outline of a statement from its parse tree. Pure, except that it calls the parser. */
import { asNode, constantOf, type Fields, isFields, listOf, namesOf, partsOf, textOf } from "./ast.ts";
import { GrammarError } from "./grammar.ts";
import type { Call, Clause, ColumnUse, Comparison, Operand, SqlScope } from "../../lib/sql_outline.ts";
import { parseStatements } from "./parser.ts";
import { precheck } from "./precheck.ts";

/** Limits on a text, on nesting, on the notes of one statement and on the columns of one operand: a larger statement is not outlined. */
const MOST = { characters: 20_000, depth: 400, items: 4_000, columns: 50 };
const NAME_CHARACTERS = 200;

const COMPARES: ReadonlySet<string> = new Set(["=", "<>", "!=", "<", "<=", ">", ">="]);
const JOINS: ReadonlyMap<unknown, "left" | "right" | "full"> = new Map([
  ["JOIN_LEFT", "left"],
  ["JOIN_RIGHT", "right"],
  ["JOIN_FULL", "full"],
]);

class TooLong extends Error {}

/**
 * Outlines a text.
 *
 * @param sql The text.
 * @returns The outline of its statement; undefined if it has several, cannot be parsed, or is too long.
 * @throws {Error} Where the parser itself fails, after which it must not be used again.
 */
export function outlineOf(sql: string): readonly SqlScope[] | undefined {
  if (sql.length > MOST.characters || precheck(sql) !== undefined) return undefined;
  try {
    const [statement, ...others] = parseStatements(sql);
    if (statement === undefined || others.length > 0) return undefined;
    return new Outliner().outline(statement.tree);
  } catch (error) {
    if (error instanceof GrammarError || error instanceof TooLong) return undefined;
    throw error;
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer U)[] ? U[] : T[K] };
type Scope = Mutable<SqlScope>;

/** Where in a statement a node is. */
interface Place {
  readonly scope: Scope;
  readonly clause: Clause;
  readonly optional: boolean;
  readonly alias: string | null;
}

class Outliner {
  readonly #scopes: Scope[] = [];
  readonly #named = new Set<string>();
  #items = 0;
  #depth = 0;

  outline(tree: unknown): readonly SqlScope[] {
    this.#find(tree);
    return this.#scopes;
  }

  /** Looks for a SELECT, as within EXPLAIN. */
  #find(tree: unknown): void {
    const node = asNode(tree);
    if (node?.kind === "SelectStmt") this.#select(node.fields, null, false);
    else if (node !== undefined) { for (const value of Object.values(node.fields)) this.#find(value); }
  }

  #select(fields: Fields, parent: number | null, combined: boolean): void {
    const { withClause, larg, rarg } = fields;
    for (const each of isFields(withClause) ? listOf(withClause["ctes"]) : []) {
      const cte = asNode(each)?.fields;
      if (cte === undefined) continue;
      this.#named.add(textOf(cte["ctename"]).toLowerCase());
      this.#walk(cte["ctequery"], undefined, parent);
    }
    if (isFields(larg) && isFields(rarg)) {
      this.#select(larg, parent, true);
      this.#select(rarg, parent, true);
      return;
    }
    const scope: Scope = {
      parent,
      distinct: listOf(fields["distinctClause"]).length > 0,
      combined,
      relations: [],
      comparisons: [],
      differences: [],
      calls: [],
      columns: [],
    };
    this.#scopes.push(scope);
    const place = { scope, optional: false, alias: null };
    for (const item of listOf(fields["fromClause"])) this.#from(item, scope, "listed");
    this.#walk(fields["whereClause"], { ...place, clause: "where" });
    this.#walk(fields["havingClause"], { ...place, clause: "having" });
    for (const target of listOf(fields["targetList"])) {
      const output = asNode(target)?.fields ?? {};
      const alias = textOf(output["name"]).toLowerCase() || null;
      this.#walk(output["val"], { ...place, clause: "output", alias });
    }
    for (const item of listOf(fields["groupClause"])) this.#walk(item, { ...place, clause: "group" });
    for (const item of listOf(fields["sortClause"])) this.#walk(item, { ...place, clause: "order" });
  }

  #from(item: unknown, scope: Scope, join: SqlScope["relations"][number]["join"]): void {
    const node = asNode(item);
    if (node === undefined) return;
    const { kind, fields } = node;
    const alias = isFields(fields["alias"]) ? textOf(fields["alias"]["aliasname"]).toLowerCase() : "";
    if (kind === "RangeVar") {
      const table = textOf(fields["relname"]).toLowerCase();
      const isTable = !this.#named.has(table) || fields["schemaname"] !== undefined;
      this.#add(scope.relations, { alias: alias || table, table: isTable ? table : null, join });
    } else if (kind === "JoinExpr") {
      const { jointype, quals, usingClause, isNatural } = fields;
      const names = namesOf(usingClause) ?? [];
      this.#from(fields["larg"], scope, join);
      const [left] = scope.relations.slice(-1);
      // ON true says that every combination is meant, most often with a subquery of one row.
      const free = (quals === undefined || constantOf(quals) !== undefined) && names.length === 0 &&
        isNatural !== true;
      this.#from(fields["rarg"], scope, free ? "cross" : JOINS.get(jointype) ?? "inner");
      const [right] = scope.relations.slice(-1);
      for (const column of isNatural === true ? ["*"] : names) {
        const uses = [left, right].map((each) => ({ relation: each?.alias ?? null, column }));
        const [first = { relation: null, column }, second = first] = uses;
        this.#compare({ scope, clause: "on", optional: false, alias: null }, "=", operand(first), [
          operand(second),
        ]);
      }
      this.#walk(quals, { scope, clause: "on", optional: false, alias: null });
    } else {
      this.#add(scope.relations, { alias: alias || kind, table: null, join });
      const parent = this.#scopes.indexOf(scope);
      this.#walk(fields["subquery"], undefined, parent);
    }
  }

  /** Takes notes of a node and of all below it. Without a place, the node is a statement of its own. */
  #walk(value: unknown, place: Place | undefined, parent: number | null = null): void {
    if (value === null || typeof value !== "object") return;
    if ((this.#depth += 1) > MOST.depth) throw new TooLong();
    if (Array.isArray(value)) { for (const each of value) this.#walk(each, place, parent); }
    else {
      const node = asNode(value);
      if (node === undefined) { for (const each of Object.values(value)) this.#walk(each, place, parent); }
      else this.#node(node.kind, node.fields, place, parent);
    }
    this.#depth -= 1;
  }

  #node(kind: string, fields: Fields, place: Place | undefined, parent: number | null): void {
    if (kind === "SelectStmt") {
      this.#select(fields, place === undefined ? parent : this.#scopes.indexOf(place.scope), false);
      return;
    }
    let inner = place;
    if (place !== undefined) {
      if (kind === "ColumnRef") this.#column(fields, place);
      else if (kind === "A_Expr") this.#expression(fields, place);
      else if (kind === "FuncCall") this.#call(fields, place);
      else if (kind === "NullTest") {
        const op = fields["nulltesttype"] === "IS_NULL" ? "is null" : "is not null";
        this.#compare(place, op, operandOf(fields["arg"]), []);
      }
      if (kind === "CaseExpr" || kind === "BoolExpr" && fields["boolop"] !== "AND_EXPR") {
        inner = { ...place, optional: true };
      }
    }
    for (const each of Object.values(fields)) this.#walk(each, inner, parent);
  }

  #column(fields: Fields, { scope, clause }: Place): void {
    const use = columnUse(fields);
    if (use !== undefined) this.#add(scope.columns, { ...use, clause });
  }

  #expression(fields: Fields, place: Place): void {
    const { kind, lexpr, rexpr } = fields;
    const op = (namesOf(fields["name"]) ?? []).at(-1) ?? "";
    if (kind === "AEXPR_OP" && op === "-" && lexpr !== undefined) {
      this.#add(place.scope.differences, [operandOf(lexpr), operandOf(rexpr)]);
    } else if (kind === "AEXPR_OP" && COMPARES.has(op)) {
      this.#compare(place, op === "!=" ? "<>" : op, operandOf(lexpr), [operandOf(rexpr)]);
    } else if (kind === "AEXPR_IN" || kind === "AEXPR_BETWEEN") {
      const items = listOf(asNode(rexpr)?.fields["items"] ?? rexpr).map(operandOf);
      const name = kind === "AEXPR_BETWEEN" ? "between" : op === "<>" ? "not in" : "in";
      this.#compare(place, name, operandOf(lexpr), items);
    } else if (kind === "AEXPR_LIKE" || kind === "AEXPR_ILIKE") {
      this.#compare(place, op.startsWith("!") ? "not like" : "like", operandOf(lexpr), [operandOf(rexpr)]);
    }
  }

  #call(fields: Fields, { scope, clause, alias }: Place): void {
    const call: Call = {
      name: clip((namesOf(fields["funcname"]) ?? []).at(-1) ?? ""),
      distinct: fields["agg_distinct"] === true,
      star: fields["agg_star"] === true,
      columns: columnsIn(fields["args"]),
      alias: alias === null ? null : clip(alias),
      clause,
      window: fields["over"] !== undefined,
    };
    this.#add(scope.calls, call);
  }

  #compare(
    { scope, clause, optional }: Place,
    op: string,
    left: Operand,
    right: Comparison["right"],
  ): void {
    this.#add(scope.comparisons, { op, left, right: right.slice(0, 50), clause, optional });
  }

  #add<T>(list: T[], item: T): void {
    if ((this.#items += 1) > MOST.items) throw new TooLong();
    list.push(item);
  }
}

function operand(column: ColumnUse): Operand {
  return { column, columns: [column] };
}

/** Reads a side of a comparison. A cast of a column or a constant is that column or constant. */
function operandOf(value: unknown): Operand {
  const node = asNode(value);
  if (node?.kind === "TypeCast") return operandOf(node.fields["arg"]);
  if (node?.kind === "ColumnRef") {
    const use = columnUse(node.fields);
    return use === undefined ? { columns: [] } : operand(use);
  }
  if (node?.kind === "A_Const" && node.fields["isnull"] === true) return { isNull: true, columns: [] };
  const constant = constantOf(value);
  if (constant !== undefined) return { value: clip(constant), columns: [] };
  const columns = columnsIn(value);
  if (node?.kind !== "FuncCall") return { columns };
  return { call: clip((namesOf(node.fields["funcname"]) ?? []).at(-1) ?? ""), columns };
}

function columnUse(fields: Fields): ColumnUse | undefined {
  const parts = partsOf(fields);
  const column = parts.at(-1);
  if (column === undefined) return undefined;
  const relation = parts.at(-2);
  return {
    relation: relation === undefined ? null : clip(relation.toLowerCase()),
    column: clip(column.toLowerCase()),
  };
}

/** The first columns below a value, or below each of a list, but not those of a subquery. */
function columnsIn(value: unknown): readonly ColumnUse[] {
  if (Array.isArray(value)) return value.flatMap(columnsIn);
  const found: ColumnUse[] = [];
  addColumns(value, found);
  return found;
}

/** Stops at its limits: in a chain of comparisons it is called for each one, with everything below. */
function addColumns(value: unknown, found: ColumnUse[], depth = 0): void {
  if (value === null || typeof value !== "object" || depth > MOST.depth || found.length >= MOST.columns) {
    return;
  }
  const node = asNode(value);
  if (node?.kind === "SelectStmt") return;
  if (node?.kind === "ColumnRef") {
    const use = columnUse(node.fields);
    if (use !== undefined) found.push(use);
  } else {
    for (const each of Object.values(value)) addColumns(each, found, depth + 1);
  }
}

function clip(text: string): string {
  return text.slice(0, NAME_CHARACTERS);
}
