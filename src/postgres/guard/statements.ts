import { asNode, constantOf, type Fields, isFields, listOf, namesOf, textOf } from "./ast.ts";
import { readSetConfig } from "./calls.ts";
import { SelectChecker } from "./checker.ts";
import { runsQuery } from "./estimated.ts";
import { classifyExecute, classifyPrepare } from "./prepared.ts";
import { Refusal, SQLSTATE } from "./refusal.ts";
import { refusedStatement, unreadable } from "./refused.ts";
import { quoteLiteral, quoteName } from "./rewrite.ts";
import { checkSet, checkShow } from "./session.ts";
import { checkedSelect, type Decision, onlyFields } from "./statement_rules.ts";
import { readTransactionModes } from "./transactions.ts";
import type { GuardPolicy } from "./types.ts";

/** BINARY, SCROLL, NO SCROLL, INSENSITIVE, ASENSITIVE and the planner's own flag; WITH HOLD (32) is not among them. */
const CURSOR_OPTIONS = 0x01 | 0x02 | 0x04 | 0x08 | 0x10 | 0x100;
const CURSOR_HOLD = 0x20;

const EXPLAIN_OPTIONS: ReadonlySet<string> = new Set([
  "analyze",
  "buffers",
  "costs",
  "format",
  "generic_plan",
  "memory",
  "serialize",
  "summary",
  "timing",
  "verbose",
  "wal",
]);

const COPY_OPTIONS: ReadonlySet<string> = new Set([
  "delimiter",
  "encoding",
  "escape",
  "force_quote",
  "format",
  "header",
  "null",
  "quote",
]);

/**
 * Decides about one statement.
 *
 * @param tree The statement's parse tree.
 * @param policy What may be reached.
 * @returns What to send.
 * @throws {Refusal} It is not allowed.
 */
export function classify(tree: unknown, policy: GuardPolicy): Decision {
  const node = asNode(tree);
  if (node === undefined) throw unreadable("a part");
  const { kind, fields } = node;
  switch (kind) {
    case "SelectStmt":
      return keptSetConfig(fields, policy) ?? { command: "select", ...checkedSelect(tree, policy) };
    case "ExplainStmt":
      return classifyExplain(fields, policy);
    case "CopyStmt":
      return classifyCopy(fields, policy);
    case "DeclareCursorStmt":
      return classifyDeclare(fields, policy);
    case "FetchStmt":
      return { command: "fetch" };
    case "ClosePortalStmt":
      return { command: "close" };
    case "TransactionStmt":
      return classifyTransaction(fields);
    case "VariableSetStmt":
      return checkSet(fields, policy);
    case "VariableShowStmt":
      checkShow(fields);
      return { command: "show" };
    case "DiscardStmt":
      return {
        command: "discard",
        argument: textOf(fields["target"]).replace("DISCARD_", ""),
        changesSettings: true,
      };
    case "PrepareStmt":
      return classifyPrepare(fields, policy);
    case "ExecuteStmt":
      return classifyExecute(fields, policy);
    case "UnlistenStmt":
      return { command: "unlisten" };
    case "DeallocateStmt":
      if (fields["isall"] === true) return { command: "deallocate", sql: "DEALLOCATE ALL" };
      return {
        command: "deallocate",
        sql: `DEALLOCATE ${quoteName(textOf(fields["name"]))}`,
        argument: textOf(fields["name"]),
      };
    default:
      throw refusedStatement(node);
  }
}

/** `SELECT set_config(…)` and nothing else, of a setting that stays as it is: its answer is known. */
function keptSetConfig(fields: Fields, policy: GuardPolicy): Decision | undefined {
  const [target, ...others] = listOf(fields["targetList"]);
  const plain = Object.entries(fields).every(([name, value]) =>
    name === "targetList" || (name === "limitOption" && value === "LIMIT_OPTION_DEFAULT") ||
    (name === "op" && value === "SETOP_NONE")
  );
  const result = asNode(target);
  if (!plain || others.length > 0 || result?.kind !== "ResTarget") return undefined;
  const call = asNode(result.fields["val"]);
  const names = call?.kind === "FuncCall" ? namesOf(call.fields["funcname"]) ?? [] : [];
  if (names.at(-1) !== "set_config" || (names.length === 2 && names[0] !== "pg_catalog")) return undefined;
  const { decision, value } = readSetConfig(listOf(call?.fields["args"]), policy);
  if (decision !== "kept" || value === undefined) return undefined;
  const name = quoteName(textOf(result.fields["name"]) || "set_config");
  return { command: "select", sql: `SELECT ${quoteLiteral(value)}::pg_catalog.text AS ${name}` };
}

function optionsOf(value: unknown): readonly (readonly [name: string, value: unknown])[] {
  return listOf(value).map((item) => {
    const node = asNode(item);
    if (node?.kind !== "DefElem" || node.fields["defnamespace"] !== undefined) {
      throw unreadable("an option");
    }
    return [textOf(node.fields["defname"]), node.fields["arg"]] as const;
  });
}

function classifyExplain(fields: Fields, policy: GuardPolicy): Decision {
  onlyFields("EXPLAIN", fields, ["query", "options"]);
  for (const [name] of optionsOf(fields["options"])) {
    if (EXPLAIN_OPTIONS.has(name)) continue;
    throw new Refusal(
      `EXPLAIN (${name}) is not allowed in a sandbox's SQL`,
      `Allowed options are ${[...EXPLAIN_OPTIONS].join(", ")}`,
    );
  }
  const inner = asNode(fields["query"]);
  if (inner?.kind === "ExecuteStmt") {
    if ((policy.veiled?.size ?? 0) === 0) {
      return { ...classifyExecute(inner.fields, policy), command: "explain" };
    }
    throw new Refusal(
      "EXPLAIN EXECUTE is not allowed where the CDM has views: the plan could show what is behind them",
      "EXPLAIN the SELECT itself",
    );
  }
  const checker = new SelectChecker(policy);
  checker.checkSelect(fields["query"]);
  checker.checkPlan();
  const { estimated, ...found } = checker.found;
  if (found.rows.length > 0) {
    throw new Refusal(
      "EXPLAIN of a query on catalogs is not allowed: the plan would count rows that may not be seen",
      "Run the query itself",
    );
  }
  const runs = estimated === true && runsQuery(fields["options"]);
  return { command: "explain", ...found, ...(runs ? { estimated } : {}) };
}

function classifyCopy(fields: Fields, policy: GuardPolicy): Decision {
  const hint = "COPY (SELECT …) TO STDOUT is allowed";
  if (fields["is_from"] === true) {
    throw new Refusal(
      "cannot execute COPY FROM in a sandbox: the database can only be read",
      "Read the file into a DataFrame in Python; COPY (SELECT …) TO STDOUT is allowed",
      SQLSTATE.readOnlyTransaction,
    );
  }
  if (fields["is_program"] === true || fields["filename"] !== undefined) {
    throw new Refusal("COPY to a file or program is not allowed in a sandbox's SQL", hint);
  }
  onlyFields("COPY", fields, ["relation", "query", "attlist", "options"]);
  for (const [name, value] of optionsOf(fields["options"])) {
    if (!COPY_OPTIONS.has(name)) {
      throw new Refusal(`COPY with ${name} is not allowed in a sandbox's SQL`, hint);
    }
    const encoding = constantOf(value)?.toLowerCase() ?? "";
    if (name === "encoding" && !["utf8", "utf-8"].includes(encoding)) {
      throw new Refusal(
        "COPY in another encoding than UTF8 is not allowed in a sandbox's SQL",
        "Leave ENCODING out, and encode the text in Python",
      );
    }
  }
  if (fields["query"] !== undefined && fields["relation"] === undefined) {
    return { command: "copy_out", ...checkedSelect(fields["query"], policy) };
  }
  const relation = fields["relation"];
  if (!isFields(relation) || namesOf(fields["attlist"]) === undefined) {
    throw unreadable("a COPY");
  }
  const checker = new SelectChecker(policy);
  checker.checkRelation(relation);
  if (checker.found.rows.length > 0) {
    throw new Refusal("COPY of a catalog is not allowed in a sandbox's SQL", hint);
  }
  return { command: "copy_out" };
}

function classifyDeclare(fields: Fields, policy: GuardPolicy): Decision {
  onlyFields("DECLARE", fields, ["portalname", "options", "query"]);
  const options = typeof fields["options"] === "number" ? fields["options"] : 0;
  if ((options & CURSOR_HOLD) !== 0) {
    throw new Refusal(
      "a cursor WITH HOLD is not allowed in a sandbox's SQL",
      "Leave WITH HOLD out, and read the cursor within its transaction",
    );
  }
  if ((options & ~CURSOR_OPTIONS) !== 0) {
    throw new Refusal(
      "this kind of cursor is not allowed in a sandbox's SQL",
      "DECLARE name [NO] SCROLL CURSOR FOR SELECT … is allowed",
    );
  }
  return { command: "declare", ...checkedSelect(fields["query"], policy) };
}

function classifyTransaction(fields: Fields): Decision {
  onlyFields("this transaction statement", fields, [
    "kind",
    "options",
    "savepoint_name",
    "chain",
    "location",
  ]);
  const savepoint = quoteName(textOf(fields["savepoint_name"]));
  const chain = fields["chain"] === true ? " AND CHAIN" : "";
  const kind = textOf(fields["kind"]).replace("TRANS_STMT_", "");
  switch (kind) {
    case "BEGIN":
    case "START": {
      const modes = readTransactionModes(fields["options"]).filter((mode) => mode !== "READ ONLY");
      const start = kind === "BEGIN" ? "BEGIN" : "START TRANSACTION";
      return { command: "begin", sql: `${start} ${[...modes, "READ ONLY"].join(", ")}` };
    }
    case "COMMIT":
      return { command: "commit", sql: `COMMIT${chain}` };
    case "ROLLBACK":
      return { command: "rollback", sql: `ROLLBACK${chain}` };
    case "SAVEPOINT":
      return { command: "savepoint", sql: `SAVEPOINT ${savepoint}` };
    case "RELEASE":
      return { command: "release", sql: `RELEASE SAVEPOINT ${savepoint}` };
    case "ROLLBACK_TO":
      return { command: "rollback_to", sql: `ROLLBACK TO SAVEPOINT ${savepoint}` };
    default:
      throw new Refusal(
        "two-phase transactions are not allowed in a sandbox's SQL: they outlive the session",
        "Use BEGIN and COMMIT",
      );
  }
}
