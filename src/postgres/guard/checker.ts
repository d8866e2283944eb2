import { asNode, type Fields, isFields, listOf, namesOf, textOf } from "./ast.ts";
import { ApprovedCalls, checkCall, type PendingCall } from "./calls.ts";
import { FUNCTION_COLUMNS, FUNCTIONS } from "./functions.ts";
import {
  checkCollation,
  checkCommonTable,
  checkIndirection,
  checkOperator,
  checkSampling,
  checkType,
} from "./node_rules.ts";
import { NODE_FIELDS, REFUSED_NAMES } from "./nodes.ts";
import { Refusal, SQLSTATE } from "./refusal.ts";
import { CATALOG_RELATIONS, INFORMATION_SCHEMA_RELATIONS } from "./relations.ts";
import type { GuardPolicy } from "./types.ts";

/** Nesting beyond which a statement is refused: far above what people write, far below what a stack holds. */
const MAX_DEPTH = 500;

/** Names of the common table expressions in sight, innermost first. */
interface Scope {
  readonly names: ReadonlySet<string>;
  readonly outer: Scope | undefined;
}

interface Place {
  readonly scope: Scope | undefined;
  readonly depth: number;
}

/** The expression kinds whose "operator" is a phrase of the grammar. */
const BETWEEN_KINDS = /^AEXPR_(NOT_)?BETWEEN(_SYM)?$/;

/** Walks a SELECT and throws a {@link Refusal} at the first thing that is not known to be harmless. */
export class SelectChecker {
  readonly #policy: GuardPolicy;
  readonly #calls: PendingCall[] = [];
  #changesSettings = false;
  readonly #approved = new ApprovedCalls();
  /** Columns that each alias of a table function has: `alias.other` would call a function named `other`. */
  readonly #functionAliases = new Map<string, Set<string>[]>();
  readonly #references: (readonly [alias: string, column: string])[] = [];

  /** @param policy What may be reached. */
  constructor(policy: GuardPolicy) {
    this.#policy = policy;
  }

  /** Whether a call may change a setting. */
  get changesSettings(): boolean {
    return this.#changesSettings;
  }

  /** Calls whose function bears no schema, in the order they were met. */
  get unqualifiedCalls(): readonly PendingCall[] {
    return this.#calls;
  }

  /**
   * Checks a statement that must be a SELECT.
   *
   * @param statement A wrapped node.
   * @throws {Refusal} Where it is not allowed.
   */
  checkSelect(statement: unknown): void {
    const node = asNode(statement);
    if (node?.kind !== "SelectStmt") {
      throw new Refusal(notAllowed(node?.kind ?? "this"), "Only SELECT is allowed here");
    }
    this.#walk(node.kind, node.fields, { scope: undefined, depth: 0 });
    this.#checkReferences();
  }

  /**
   * Checks a relation that is named outside of a SELECT.
   *
   * @param relation The fields of a RangeVar.
   * @throws {Refusal} Where it may not be read.
   */
  checkRelation(relation: Fields): void {
    this.#walk("RangeVar", relation, { scope: undefined, depth: 0 });
  }

  #visit(value: unknown, place: Place): void {
    const node = asNode(value);
    if (node !== undefined) {
      return this.#walk(node.kind, node.fields, { scope: place.scope, depth: place.depth + 1 });
    }
    if (isFields(value) && Object.keys(value).length === 0) return; // a null in a list, as in SELECT DISTINCT
    throw new Refusal("the statement has a part that the guard cannot read");
  }

  #walk(kind: string, fields: Fields, place: Place): void {
    if (place.depth > MAX_DEPTH) {
      throw new Refusal(
        `the statement is nested deeper than ${MAX_DEPTH} levels`,
        undefined,
        SQLSTATE.tooComplex,
      );
    }
    const known = NODE_FIELDS.get(kind);
    if (known === undefined) throw new Refusal(notAllowed(kind));
    const inner = this.#enter(kind, fields, place);
    for (const name in fields) {
      const value = fields[name];
      const type = known.get(name);
      if (type === undefined) throw new Refusal(notAllowed(`${kind}.${name}`));
      if (kind === "SelectStmt" && name === "withClause") continue; // walked by #enter, in a scope of its own
      this.#walkField(type, value, inner);
    }
  }

  #walkField(type: string, value: unknown, place: Place): void {
    switch (type) {
      case "scalar":
        if (typeof value === "object") {
          throw new Refusal("the statement has a part that the guard cannot read");
        }
        return;
      case "constant":
        if (!isFields(value) || Object.values(value).some((part) => typeof part === "object")) {
          throw new Refusal("the statement has a constant that the guard cannot read");
        }
        return;
      case "node":
        return this.#visit(value, place);
      case "nodes":
        if (!Array.isArray(value)) throw new Refusal("the statement has a list that the guard cannot read");
        for (const item of value) this.#visit(item, place);
        return;
      default:
        if (!isFields(value)) throw new Refusal("the statement has a part that the guard cannot read");
        return this.#walk(type, value, { ...place, depth: place.depth + 1 });
    }
  }

  /** Applies the rules of one kind of node; gives the place its fields are walked in. */
  #enter(kind: string, fields: Fields, place: Place): Place {
    switch (kind) {
      case "SelectStmt":
        return this.#enterSelect(fields, place);
      case "CommonTableExpr":
        checkCommonTable(fields);
        break;
      case "RangeVar":
        this.#checkRangeVar(fields, place.scope);
        break;
      case "RangeFunction":
        this.#noteFunctionAlias(fields);
        break;
      case "RangeTableSample":
        checkSampling(fields);
        break;
      case "ColumnRef":
        this.#noteReference(fields);
        break;
      case "A_Indirection":
        checkIndirection(fields);
        break;
      case "A_Expr":
        this.#approved.approveIn(fields);
        if (!BETWEEN_KINDS.test(textOf(fields["kind"]))) checkOperator(fields["name"]);
        break;
      case "SubLink":
        if (fields["operName"] !== undefined) checkOperator(fields["operName"]);
        break;
      case "SortBy":
        if (fields["useOp"] !== undefined) checkOperator(fields["useOp"]);
        break;
      case "TypeName":
        checkType(fields);
        break;
      case "CollateClause":
        checkCollation(fields);
        break;
      case "FuncCall": {
        const call = checkCall(fields, this.#policy, this.#approved);
        if (call !== undefined) this.#calls.push(call);
        if (namesOf(fields["funcname"])?.at(-1) === "set_config") this.#changesSettings = true;
        break;
      }
      default:
    }
    return place;
  }

  /** The body of a SELECT sees its WITH list; a member of the list sees those before it, or all under RECURSIVE. */
  #enterSelect(fields: Fields, place: Place): Place {
    const clause = fields["withClause"];
    if (clause === undefined) return place;
    if (!isFields(clause)) throw new Refusal("the statement has a WITH clause that the guard cannot read");
    const names: string[] = [];
    for (const item of listOf(clause["ctes"])) {
      const node = asNode(item);
      if (node?.kind !== "CommonTableExpr") throw new Refusal(notAllowed(node?.kind ?? "this"));
      names.push(textOf(node.fields["ctename"]));
    }
    const whole: Place = { depth: place.depth, scope: { names: new Set(names), outer: place.scope } };
    if (clause["recursive"] === true) {
      this.#walk("WithClause", clause, whole);
      return whole;
    }
    this.#walk("WithClause", { ...clause, ctes: [] }, place);
    for (const [index, item] of listOf(clause["ctes"]).entries()) {
      this.#visit(item, {
        depth: place.depth,
        scope: { names: new Set(names.slice(0, index)), outer: place.scope },
      });
    }
    return whole;
  }

  #checkRangeVar(fields: Fields, scope: Scope | undefined): void {
    const name = textOf(fields["relname"]);
    const schema = fields["schemaname"];
    if (fields["relpersistence"] !== "p") throw new Refusal("temporary and unlogged tables are not allowed");
    if (schema === undefined) {
      for (let level = scope; level !== undefined; level = level.outer) if (level.names.has(name)) return;
      if (CATALOG_RELATIONS.has(name) || this.#policy.relations.has(name)) return;
    } else if (schema === this.#policy.cdmSchema) {
      if (this.#policy.relations.has(name)) return;
    } else if (schema === "pg_catalog") {
      if (CATALOG_RELATIONS.has(name)) return;
    } else if (schema === "information_schema") {
      if (INFORMATION_SCHEMA_RELATIONS.has(name)) return;
    }
    const shown = schema === undefined ? `"${name}"` : `"${textOf(schema)}.${name}"`;
    throw new Refusal(
      `permission denied for relation ${shown}: it is not among those a sandbox may read`,
      `The tables of schema "${this.#policy.cdmSchema}" can be read, and what describes them in ` +
        "information_schema and pg_catalog",
    );
  }

  #noteFunctionAlias(fields: Fields): void {
    const alias = fields["alias"];
    const aliasName = isFields(alias) ? textOf(alias["aliasname"]) : undefined;
    const given = isFields(alias) ? namesOf(alias["colnames"]) ?? [] : [];
    const columns = new Set<string>([...given, "ordinality"]);
    const aliases = new Set(aliasName === undefined ? [] : [aliasName]);
    for (const item of listOf(fields["functions"])) {
      const call = asNode(listOf(asNode(item)?.fields["items"])[0]);
      const name = namesOf(call?.fields["funcname"])?.at(-1);
      if (call?.kind !== "FuncCall" || name === undefined) {
        // CURRENT_DATE, CAST and their like may stand in FROM too. What their column is called depends on what stands
        // within: only names that are given count, and without a name of their own nothing may be asked of them.
        if (aliasName === undefined) throw new Refusal("a table function here needs an alias");
        continue;
      }
      if (aliasName === undefined) aliases.add(name);
      // A function whose result has a name (json_array_elements: "value") gives it to the column, whatever the alias.
      const own = FUNCTION_COLUMNS.get(name);
      for (const column of own ?? []) columns.add(column);
      if (given.length === 0 && own === undefined && FUNCTIONS.has(name)) columns.add(aliasName ?? name);
    }
    for (const item of listOf(fields["coldeflist"])) columns.add(textOf(asNode(item)?.fields["colname"]));
    for (const name of aliases) {
      const known = this.#functionAliases.get(name) ?? [];
      known.push(columns);
      this.#functionAliases.set(name, known);
    }
  }

  #noteReference(fields: Fields): void {
    const names = listOf(fields["fields"]).map((part) => {
      const node = asNode(part);
      return node?.kind === "String" ? textOf(node.fields["sval"]) : undefined;
    });
    const [alias, column] = names.slice(-2);
    if (names.length > 1 && alias !== undefined && column !== undefined) {
      this.#references.push([alias, column]);
    }
  }

  /** `g.f` calls the function f where g is a table function without a column f: such names must be columns. */
  #checkReferences(): void {
    for (const [alias, column] of this.#references) {
      if (this.#policy.rowFunctions?.has(column) === true) {
        throw new Refusal(
          `"${alias}.${column}" could call the site's own function "${column}"`,
          "Name the column without its table",
        );
      }
      const functions = this.#functionAliases.get(alias) ?? [];
      if (functions.every((columns) => columns.has(column))) continue;
      throw new Refusal(
        `"${alias}.${column}" could call a function named "${column}"`,
        `Name the columns of the table function: AS ${alias}(${column})`,
      );
    }
  }
}

function notAllowed(name: string): string {
  return `${REFUSED_NAMES.get(name) ?? name} is not allowed in a sandbox's SQL`;
}
