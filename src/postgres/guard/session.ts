import { asNode, constantOf, type Fields, listOf, textOf } from "./ast.ts";
import { Refusal, SQLSTATE } from "./refusal.ts";
import { quoteName } from "./rewrite.ts";
import { allowsValues, READABLE, SETTABLE } from "./settings.ts";
import type { Verdict } from "./statements.ts";
import { readTransactionModes } from "./transactions.ts";
import type { GuardPolicy } from "./types.ts";

const SNAPSHOT = /^[0-9A-F]{8}-[0-9A-F]{8}-[0-9]{1,10}$/;
const SET_HINT =
  "Allowed are application_name, DateStyle, IntervalStyle, TimeZone, extra_float_digits, bytea_output and the like";

/**
 * Decides about SET and RESET.
 *
 * @param fields The fields of a VariableSetStmt.
 * @param policy What may be reached.
 * @returns What to send.
 * @throws {Refusal} Where the setting is not harmless.
 */
export function checkSet(fields: Fields, policy: GuardPolicy): Verdict {
  const name = textOf(fields["name"]);
  switch (fields["kind"]) {
    case "VAR_RESET_ALL":
      return { command: "reset", sql: "RESET ALL", argument: "ALL" };
    case "VAR_RESET":
      ruleOf(name);
      return { command: "set", sql: `RESET ${quoteName(name.toLowerCase())}` };
    case "VAR_SET_DEFAULT":
      ruleOf(name);
      return { command: "set" };
    case "VAR_SET_VALUE":
      return checkValues(name, fields);
    case "VAR_SET_MULTI":
      return checkMulti(name, fields, policy);
    default:
      throw new Refusal("this form of SET is not allowed in a sandbox's SQL", SET_HINT);
  }
}

/**
 * Decides about SHOW.
 *
 * @param fields The fields of a VariableShowStmt.
 * @throws {Refusal} Where the setting may not be read.
 */
export function checkShow(fields: Fields): void {
  const name = textOf(fields["name"]).toLowerCase();
  if (!READABLE.has(name)) throw new Refusal(`setting "${name}" may not be read by a sandbox`);
}

function ruleOf(name: string) {
  const rule = SETTABLE.get(name.toLowerCase());
  if (rule === undefined) {
    throw new Refusal(`permission denied to set parameter "${name}": the server keeps it`, SET_HINT);
  }
  return rule;
}

function checkValues(name: string, fields: Fields): Verdict {
  const rule = ruleOf(name);
  const values: string[] = [];
  for (const item of listOf(fields["args"])) {
    const value = asNode(item)?.kind === "A_Const" ? constantOf(item) : undefined;
    if (value === undefined) {
      throw new Refusal(`parameter "${name}" may only be set to a plain constant`, SET_HINT);
    }
    values.push(value);
  }
  if (allowsValues(rule, values)) return { command: "set" };
  const readOnly = name.toLowerCase().endsWith("read_only");
  throw new Refusal(
    `parameter "${name}" may not be given this value in a sandbox`,
    rule === "utf8" ? "The encoding is always UTF8" : SET_HINT,
    readOnly ? SQLSTATE.readOnlyTransaction : SQLSTATE.insufficientPrivilege,
  );
}

function checkMulti(name: string, fields: Fields, policy: GuardPolicy): Verdict {
  const args = listOf(fields["args"]);
  if (name === "TRANSACTION" || name === "SESSION CHARACTERISTICS") {
    const modes = readTransactionModes(args).join(", ");
    return {
      command: "set",
      sql: name === "TRANSACTION" ? `SET TRANSACTION ${modes}` : `SET ${name} AS TRANSACTION ${modes}`,
    };
  }
  const snapshot = constantOf(args[0]) ?? "";
  if (name !== "TRANSACTION SNAPSHOT" || args.length !== 1) {
    throw new Refusal("this form of SET is not allowed", SET_HINT);
  }
  if (policy.snapshots !== true) {
    throw new Refusal(
      "SET TRANSACTION SNAPSHOT is not available: snapshots cannot yet be told apart by sandbox",
      "Read in one connection: its transaction has one snapshot",
    );
  }
  if (!SNAPSHOT.test(snapshot)) throw new Refusal("this is no name of a snapshot");
  return { command: "import_snapshot", sql: `SET TRANSACTION SNAPSHOT '${snapshot}'`, argument: snapshot };
}
