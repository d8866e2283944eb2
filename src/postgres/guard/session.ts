import { asNode, constantOf, type Fields, listOf, textOf } from "./ast.ts";
import { Refusal } from "./refusal.ts";
import { quoteName } from "./rewrite.ts";
import { checkReadable, decideSetting } from "./settings.ts";
import type { Decision } from "./statement_rules.ts";
import { readTransactionModes } from "./transactions.ts";
import type { GuardPolicy } from "./types.ts";

const SNAPSHOT = /^[0-9A-F]{8}-[0-9A-F]{8}-[0-9]{1,10}$/;
/**
 * Sent in place of a change that has no effect, so that the server answers it. Both statements set what every session has from its start.
 */
const KEPT_SET = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
const KEPT_RESET = "RESET default_transaction_read_only";

/**
 * Decides about SET and RESET.
 *
 * @param fields The fields of a VariableSetStmt.
 * @param policy What may be reached.
 * @returns What to send.
 * @throws {Refusal} The setting is not allowed.
 */
export function checkSet(fields: Fields, policy: GuardPolicy): Decision {
  const name = textOf(fields["name"]);
  switch (fields["kind"]) {
    case "VAR_RESET_ALL":
      return { command: "reset", sql: "RESET ALL", argument: "ALL", changesSettings: true };
    case "VAR_RESET": {
      const kept = decideSetting(name, "default", policy) === "kept";
      return changing(kept ? KEPT_RESET : `RESET ${quoteName(name.toLowerCase())}`);
    }
    case "VAR_SET_DEFAULT":
      return changing(decideSetting(name, "default", policy) === "kept" ? KEPT_SET : undefined);
    case "VAR_SET_VALUE":
      return changing(
        decideSetting(name, plainConstants(name, fields), policy) === "kept" ? KEPT_SET : undefined,
      );
    case "VAR_SET_MULTI":
      return checkMulti(name, fields, policy);
    default:
      throw refusedForm();
  }
}

/**
 * Decides about SHOW.
 *
 * @param fields The fields of a VariableShowStmt.
 * @throws {Refusal} The setting may not be read.
 */
export function checkShow(fields: Fields): void {
  checkReadable(textOf(fields["name"]));
}

function refusedForm(): Refusal {
  return new Refusal("this form of SET is not allowed in a sandbox's SQL", "SET name = value is allowed");
}

function changing(sql: string | undefined): Decision {
  return { command: "set", changesSettings: true, ...(sql === undefined ? {} : { sql }) };
}

function plainConstants(name: string, fields: Fields): readonly string[] {
  return listOf(fields["args"]).map((item) => {
    const value = asNode(item)?.kind === "A_Const" ? constantOf(item) : undefined;
    if (value === undefined) {
      throw new Refusal(
        `parameter "${name}" may only be set to a plain constant`,
        `Write SET ${name} = 'value'`,
      );
    }
    return value;
  });
}

function checkMulti(name: string, fields: Fields, policy: GuardPolicy): Decision {
  const args = listOf(fields["args"]);
  if (name === "TRANSACTION" || name === "SESSION CHARACTERISTICS") {
    const modes = readTransactionModes(args).join(", ");
    return {
      command: "set",
      changesSettings: true,
      sql: name === "TRANSACTION" ? `SET TRANSACTION ${modes}` : `SET ${name} AS TRANSACTION ${modes}`,
    };
  }
  const snapshot = constantOf(args[0]) ?? "";
  if (name !== "TRANSACTION SNAPSHOT" || args.length !== 1) {
    throw refusedForm();
  }
  if (policy.snapshots !== true) {
    throw new Refusal(
      "SET TRANSACTION SNAPSHOT is not available",
      "Read in one connection: its transaction has one snapshot",
    );
  }
  if (!SNAPSHOT.test(snapshot)) {
    throw new Refusal("invalid snapshot name", "Use a name that pg_export_snapshot() gave in this sandbox");
  }
  return { command: "import_snapshot", sql: `SET TRANSACTION SNAPSHOT '${snapshot}'`, argument: snapshot };
}
