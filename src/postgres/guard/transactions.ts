import { asNode, constantOf, listOf, textOf } from "./ast.ts";
import { Refusal, SQLSTATE } from "./refusal.ts";

const ISOLATION = /^(serializable|repeatable read|read committed|read uncommitted)$/;

/**
 * Reads the modes of BEGIN, SET TRANSACTION and SET SESSION CHARACTERISTICS.
 *
 * @param options A list of DefElem.
 * @returns SQL for each mode.
 * @throws {Refusal} For READ WRITE, and for what is not known.
 */
export function readTransactionModes(options: unknown): readonly string[] {
  return listOf(options).map((item) => {
    const node = asNode(item);
    const name = node?.kind === "DefElem" ? textOf(node.fields["defname"]) : "";
    const value = constantOf(node?.fields["arg"]) ?? "";
    switch (name) {
      case "transaction_isolation":
        if (ISOLATION.test(value)) return `ISOLATION LEVEL ${value.toUpperCase()}`;
        break;
      case "transaction_deferrable":
        return value === "1" ? "DEFERRABLE" : "NOT DEFERRABLE";
      case "transaction_read_only":
        if (value === "1") return "READ ONLY";
        throw new Refusal(
          "cannot set a transaction to read-write: the database can only be read",
          "Leave READ WRITE out: every transaction of a sandbox is READ ONLY",
          SQLSTATE.readOnlyTransaction,
        );
      default:
    }
    throw new Refusal(
      "this transaction mode is not allowed in a sandbox's SQL",
      "ISOLATION LEVEL …, READ ONLY and [NOT] DEFERRABLE are allowed",
    );
  });
}
