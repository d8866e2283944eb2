/** Walks a statement's tree and checks each node. Longer than 300 lines: the walk is one visitor with one method for each kind of node. */
import { asNode, type Fields, isFields, listOf, namesOf, textOf } from "./ast.ts";
import { ApprovedCalls, checkCall, type PendingCall } from "./calls.ts";
import {
  checkCollation,
  checkCommonTable,
  checkIndirection,
  checkOperator,
  checkSampling,
  checkType,
} from "./node_rules.ts";
import { CatalogAccess } from "./catalog_access.ts";
import { CatalogColumns, type Sight } from "./catalog_columns.ts";
import { ESTIMATED_ITEMS, FROM_ITEMS } from "./estimated.ts";
import { NODE_FIELDS } from "./nodes.ts";
import { Refusal, SQLSTATE } from "./refusal.ts";
import { refusedPart, refusedStatement, unreadable } from "./refused.ts";
import { catalogOf, RangeTable, type Scope } from "./range_table.ts";
import { References } from "./references.ts";
import { typeOf, type Use, useOf } from "./reg_values.ts";
import type { PendingRows } from "./row_edits.ts";
import type { GuardPolicy } from "./types.ts";
import { XmlValues } from "./xml.ts";

/** Nesting beyond which a statement is refused: far above what people write, far below what a stack holds. */
const MAX_DEPTH = 500;

/** Relations that the planner sees where one catalog is written. */
const RELATIONS_OF_ROWS = 4;

interface Place {
  /** The common table expressions that a relation's name may mean. */
  readonly scope: Scope | undefined;
  /** The FROM lists that a column's name may mean. */
  readonly sight: Sight | undefined;
  readonly depth: number;
  /** What becomes of the values here. */
  readonly use: Use;
}

const OUTERMOST: Place = { scope: undefined, sight: undefined, depth: 0, use: "shown" };

/** Casts to these show a value. */
const TEXTS: ReadonlySet<string> = new Set(["text", "varchar", "bpchar", "name"]);

/** The expression kinds whose "operator" is a phrase of the grammar. */
const BETWEEN_KINDS = /^AEXPR_(NOT_)?BETWEEN(_SYM)?$/;

/** Walks a SELECT and throws a {@link Refusal} at the first part that is not known to be harmless. */
export class SelectChecker {
  readonly #policy: GuardPolicy;
  readonly #calls: PendingCall[] = [];
  #changesSettings = false;
  readonly #approved = new ApprovedCalls();
  readonly #references = new References();
  readonly #catalogs: CatalogColumns;
  readonly #relations: RangeTable;
  readonly #access: CatalogAccess;
  readonly #xml = new XmlValues();
  #fromItems = 0;

  /** @param policy What may be reached. */
  constructor(policy: GuardPolicy) {
    this.#policy = policy;
    this.#relations = new RangeTable(policy);
    this.#access = new CatalogAccess(policy);
    this.#catalogs = new CatalogColumns(this.#access.rows);
  }

  /**
   * What the guard has to write into the text, in the order of the walk (schemas of functions, subqueries in place of catalogs), and whether a call
   * may change a setting.
   */
  get found(): {
    readonly calls: readonly PendingCall[];
    readonly rows: readonly PendingRows[];
    readonly changesSettings?: true;
    /** Set if FROM has too many items to run before the cost is estimated. */
    readonly estimated?: true;
  } {
    return {
      calls: this.#calls,
      rows: this.#access.pending,
      ...(this.#changesSettings ? { changesSettings: true } : {}),
      ...(this.#fromItems < ESTIMATED_ITEMS ? {} : { estimated: true }),
    };
  }

  /**
   * Checks that a plan of the statement shows nothing but what was checked.
   *
   * @throws {Refusal} It would show what is behind a view.
   */
  checkPlan(): void {
    if (this.#relations.veiled === undefined) return;
    throw new Refusal(
      `EXPLAIN of "${this.#relations.veiled}" is not allowed: the plan would show the tables and constants behind it`,
      "EXPLAIN works for statements that read only tables; run the statement itself",
    );
  }

  /**
   * Checks a statement that must be a SELECT.
   *
   * @param statement A wrapped node.
   * @throws {Refusal} It is not allowed.
   */
  checkSelect(statement: unknown): void {
    const node = asNode(statement);
    if (node?.kind !== "SelectStmt") {
      throw node === undefined ? unreadable("a part") : refusedStatement(node);
    }
    this.#walk(node.kind, node.fields, OUTERMOST);
    this.#checkWhole();
  }

  /**
   * Checks expressions and types outside of a SELECT.
   *
   * @param parts Wrapped nodes.
   * @throws {Refusal} One of them is not allowed.
   */
  checkParts(parts: readonly unknown[]): void {
    for (const part of parts) this.#visit(part, OUTERMOST);
    this.#checkWhole();
  }

  /**
   * Checks a relation outside of a SELECT.
   *
   * @param relation The fields of a RangeVar.
   * @throws {Refusal} It may not be read.
   */
  checkRelation(relation: Fields): void {
    this.#catalogs.refuseWhole(`${catalogOf(relation, undefined)}.${textOf(relation["relname"])}`);
    this.#walk("RangeVar", relation, OUTERMOST);
  }

  /** Checks what only the whole statement shows. */
  #checkWhole(): void {
    this.#references.check(this.#policy);
    this.#xml.check();
  }

  #visit(value: unknown, place: Place): void {
    const node = asNode(value);
    if (node !== undefined) {
      return this.#walk(node.kind, node.fields, { ...place, depth: place.depth + 1 });
    }
    if (isFields(value) && Object.keys(value).length === 0) return; // a null in a list, as in SELECT DISTINCT
    throw unreadable("a part");
  }

  #walk(kind: string, fields: Fields, place: Place): void {
    if (place.depth > MAX_DEPTH) {
      throw new Refusal(
        `the statement is nested deeper than ${MAX_DEPTH} levels`,
        "Split it with WITH, or build the long part in Python",
        SQLSTATE.tooComplex,
      );
    }
    const known = NODE_FIELDS.get(kind);
    if (known === undefined) throw refusedPart(kind);
    const argument = kind === "SubLink" ? this.#access.rows.argumentIn(fields) : undefined;
    if (argument !== undefined) { // the guard's own text, around the client's
      this.#relations.add(RELATIONS_OF_ROWS);
      return this.#visit(argument, { ...place, use: "compared" });
    }
    const inner = this.#enter(kind, fields, place);
    const shown = kind === "RangeSubselect" && this.#access.rows.shownBy(fields) !== undefined;
    if (shown) this.#relations.add(RELATIONS_OF_ROWS);
    for (const name in fields) {
      const value = fields[name];
      if (shown && name === "subquery") continue;
      const type = known.get(name);
      if (type === undefined) throw refusedPart(`${kind}.${name}`);
      if (kind === "SelectStmt" && name === "withClause") continue; // walked by #enter, in a scope of its own
      const use = useOf(kind, fields, name, inner.use);
      const at = kind === "SelectStmt" && name === "fromClause" ? within(inner) : inner;
      this.#walkField(type, value, at.use === use ? at : { ...at, use });
    }
  }

  /** Checks a call or a cast. What the guard writes around it is counted before it is written. */
  #enterLookups(enter: () => void): void {
    const before = this.#access.pending.length;
    enter();
    this.#relations.add(RELATIONS_OF_ROWS * (this.#access.pending.length - before));
  }

  #showFunction(value: unknown, { sight }: Place): void {
    const names = this.#catalogs.functionColumn(value, sight);
    if (names !== undefined) this.#enterLookups(() => this.#access.showFunction(value, names));
  }

  #walkField(type: string, value: unknown, place: Place): void {
    switch (type) {
      case "scalar":
        if (typeof value === "object") {
          throw unreadable("a part");
        }
        return;
      case "constant":
        if (!isFields(value) || Object.values(value).some((part) => typeof part === "object")) {
          throw unreadable("a constant");
        }
        return;
      case "node":
        return this.#visit(value, place);
      case "nodes":
        if (!Array.isArray(value)) throw unreadable("a list");
        for (const item of value) this.#visit(item, place);
        return;
      default:
        if (!isFields(value)) throw unreadable("a part");
        return this.#walk(type, value, { ...place, depth: place.depth + 1 });
    }
  }

  /** Applies the rules of one kind of node. Returns the place for its fields. */
  #enter(kind: string, fields: Fields, place: Place): Place {
    if (FROM_ITEMS.has(kind)) this.#fromItems += 1;
    this.#xml.enter(kind, fields);
    switch (kind) {
      case "SelectStmt": {
        const { scope } = this.#enterSelect(fields, place);
        return { ...place, scope, sight: this.#catalogs.enterSelect(fields, scope, place.sight) };
      }
      case "CommonTableExpr":
        checkCommonTable(fields);
        break;
      case "RangeVar":
        this.#enterRelation(fields, place);
        break;
      case "RangeFunction":
        this.#references.noteFunction(fields);
        this.#approved.approveUnnest(fields);
        this.#access.noteFunction(fields);
        this.#relations.add(1);
        break;
      case "RangeTableSample":
        checkSampling(fields);
        break;
      case "ColumnRef":
        this.#references.noteColumn(fields);
        this.#catalogs.checkColumn(fields, place.sight);
        this.#access.noteColumn(fields);
        break;
      case "A_Indirection":
        checkIndirection(fields, this.#policy);
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
        this.#access.checkType(fields);
        break;
      case "TypeCast":
        this.#enterLookups(() => this.#access.enterCast(fields, place.use));
        if (TEXTS.has(typeOf(fields))) this.#showFunction(fields["arg"], place);
        break;
      case "ResTarget":
        if (place.depth === OUTERMOST.depth + 1) this.#showFunction(fields["val"], place);
        break;
      case "CollateClause":
        checkCollation(fields);
        break;
      case "FuncCall": {
        const call = checkCall(fields, this.#policy, this.#approved);
        if (call !== undefined) this.#calls.push(call);
        if (namesOf(fields["funcname"])?.at(-1) === "set_config") this.#changesSettings = true;
        this.#enterLookups(() => this.#access.enterCall(fields, place.use));
        break;
      }
      default:
    }
    return place;
  }

  #enterRelation(fields: Fields, { scope }: Place): void {
    const schema = this.#relations.check(fields, scope);
    if (schema !== undefined && this.#access.enterRelation(fields, schema)) {
      this.#relations.add(RELATIONS_OF_ROWS - 1);
    }
  }

  /** The body of a SELECT sees its WITH list; a member of the list sees those before it, or all under RECURSIVE. */
  #enterSelect(fields: Fields, place: Place): Place {
    const clause = fields["withClause"];
    if (clause === undefined) return place;
    if (!isFields(clause)) throw unreadable("a WITH clause");
    const members = listOf(clause["ctes"]).map((item) => {
      const node = asNode(item);
      if (node?.kind !== "CommonTableExpr") throw unreadable("a WITH list");
      return { item, name: textOf(node.fields["ctename"]), written: isWrittenOut(node.fields) };
    });
    const names = new Map<string, number>();
    const whole: Place = { ...place, scope: { names, outer: place.scope } };
    if (clause["recursive"] === true) {
      if (members.some(({ written }) => written)) {
        throw new Refusal(
          "NOT MATERIALIZED in WITH RECURSIVE is not allowed in a sandbox's SQL",
          "Leave it out",
        );
      }
      for (const { name } of members) names.set(name, 1);
      this.#walk("WithClause", clause, { ...whole, use: "shown" });
      return whole;
    }
    this.#walk("WithClause", { ...clause, ctes: [] }, place);
    for (const { item, name, written } of members) {
      const before = this.#relations.count;
      // Each sees those before it.
      this.#visit(item, { ...place, use: "shown", scope: { names: new Map(names), outer: place.scope } });
      names.set(name, written ? this.#relations.count - before : 1);
    }
    return whole;
  }
}

/** The place of the FROM list itself. */
function within(place: Place): Place {
  const { sight } = place;
  return sight === undefined ? place : { ...place, sight: { ...sight, inFrom: true } };
}

/** Whether the planner writes a common table expression out wherever it is used. */
function isWrittenOut(fields: Fields): boolean {
  return fields["ctematerialized"] === "CTEMaterializeNever";
}
