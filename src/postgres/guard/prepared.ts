/** PREPARE and EXECUTE: in SQL, what Parse and Bind do in the protocol. */
import { asNode, type Fields, listOf, textOf } from "./ast.ts";
import { SelectChecker } from "./checker.ts";
import { Refusal } from "./refusal.ts";
import { refusedStatement } from "./refused.ts";
import { checkedSelect, type Decision, onlyFields } from "./statement_rules.ts";
import type { GuardPolicy } from "./types.ts";

/**
 * Decides about PREPARE.
 *
 * @param fields The fields of a PrepareStmt.
 * @param policy What may be reached.
 * @returns What to send.
 * @throws {Refusal} The prepared statement is not allowed.
 */
export function classifyPrepare(fields: Fields, policy: GuardPolicy): Decision {
  onlyFields("PREPARE", fields, ["name", "argtypes", "query"]);
  const inner = asNode(fields["query"]);
  if (inner !== undefined && inner.kind !== "SelectStmt") throw refusedStatement(inner);
  new SelectChecker(policy).checkParts(listOf(fields["argtypes"]));
  const { changesSettings, ...found } = checkedSelect(fields["query"], policy);
  if (changesSettings === true) {
    // The protocol's Bind could run it where the broker does not look for it.
    throw new Refusal("set_config() may not be prepared", "Use SET, or SELECT set_config(…) by itself");
  }
  return { command: "prepare", argument: textOf(fields["name"]), ...found };
}

/**
 * Decides about EXECUTE. Every prepared statement has passed the guard.
 *
 * @param fields The fields of an ExecuteStmt.
 * @param policy What may be reached.
 * @returns What to send.
 * @throws {Refusal} A parameter is not allowed.
 */
export function classifyExecute(fields: Fields, policy: GuardPolicy): Decision {
  onlyFields("EXECUTE", fields, ["name", "params"]);
  const checker = new SelectChecker(policy);
  checker.checkParts(listOf(fields["params"]));
  if (checker.found.rows.length > 0) {
    throw new Refusal(
      "a parameter of EXECUTE may not be looked up in the catalogs",
      "Give the value itself, or its oid: EXECUTE name(16400)",
    );
  }
  return { command: "execute", executes: textOf(fields["name"]), ...checker.found };
}
