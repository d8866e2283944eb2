/** What the guard says of statements and parts of them that a sandbox may not send: the cause, and what to do instead. */
import type { Node } from "./ast.ts";
import { Refusal, SQLSTATE } from "./refusal.ts";
import { READ_XML_HINT } from "./xml.ts";

/** Statements that are refused for one reason. */
interface Group {
  readonly cause: string;
  readonly next: string;
  /** Kinds of statements, each with its name in SQL where the kind does not say it. */
  readonly kinds: Readonly<Record<string, string>>;
  /** @default {insufficientPrivilege} */
  readonly sqlstate?: string;
}

const READ_ONLY = "the database can only be read";
const OPERATOR = "Ask the database's operator for the change";

/** What sandboxes may do. */
const READ_ONLY_HINT =
  "Sandboxes read: SELECT, EXPLAIN, COPY (SELECT …) TO STDOUT, SHOW, cursors and read-only transactions";
/** What to do instead of keeping a result in the database. */
export const INTERMEDIATE_HINT =
  "Name the step in WITH name AS (SELECT …), or keep the result as a DataFrame or a file in /workspace";

const GROUPS: readonly Group[] = [
  {
    cause: READ_ONLY,
    next: "Compute the changed rows in a SELECT, or change them in a DataFrame in Python",
    sqlstate: SQLSTATE.readOnlyTransaction,
    kinds: { InsertStmt: "", UpdateStmt: "", DeleteStmt: "", MergeStmt: "", TruncateStmt: "" },
  },
  {
    cause: READ_ONLY,
    next: INTERMEDIATE_HINT,
    kinds: {
      CreateStmt: "CREATE TABLE",
      CreateTableAsStmt: "",
      ViewStmt: "CREATE VIEW",
      CreateForeignTableStmt: "",
      CreateSeqStmt: "CREATE SEQUENCE",
      CreateSchemaStmt: "",
    },
  },
  {
    cause: "it maintains the database, which only its operator does",
    next: "If a query is slow, look at EXPLAIN SELECT …, filter earlier and read fewer columns",
    kinds: {
      VacuumStmt: "VACUUM",
      IndexStmt: "CREATE INDEX",
      ReindexStmt: "",
      ClusterStmt: "",
      CreateStatsStmt: "CREATE STATISTICS",
      AlterStatsStmt: "ALTER STATISTICS",
      CheckPointStmt: "CHECKPOINT",
      RefreshMatViewStmt: "REFRESH MATERIALIZED VIEW",
    },
  },
  {
    cause: "it runs or adds code in the database",
    next: "Write the logic as expressions in a SELECT, or in Python",
    kinds: {
      DoStmt: "",
      CallStmt: "",
      LoadStmt: "",
      CreateFunctionStmt: "CREATE FUNCTION or PROCEDURE",
      AlterFunctionStmt: "ALTER FUNCTION",
      CreateTrigStmt: "CREATE TRIGGER",
      CreateEventTrigStmt: "CREATE EVENT TRIGGER",
      AlterEventTrigStmt: "ALTER EVENT TRIGGER",
      CreatePLangStmt: "CREATE LANGUAGE",
      CreateExtensionStmt: "",
      AlterExtensionStmt: "",
      AlterExtensionContentsStmt: "ALTER EXTENSION",
      ReturnStmt: "",
      PLAssignStmt: "an assignment of PL/pgSQL",
    },
  },
  {
    cause: "sandboxes do not hear or signal other sessions",
    next: "Query again from Python when the data may have changed",
    kinds: { ListenStmt: "", NotifyStmt: "" },
  },
  {
    cause: "a lock would make other sessions wait",
    next: "For a stable view of the data, read within BEGIN ISOLATION LEVEL REPEATABLE READ",
    kinds: { LockStmt: "", ConstraintsSetStmt: "SET CONSTRAINTS" },
  },
  {
    cause: "a sandbox does not change roles and rights",
    next: "Ask the database's operator for the right",
    kinds: {
      GrantStmt: "GRANT or REVOKE",
      GrantRoleStmt: "GRANT or REVOKE of a role",
      CreateRoleStmt: "",
      AlterRoleStmt: "",
      DropRoleStmt: "",
      AlterDefaultPrivilegesStmt: "",
      AlterOwnerStmt: "ALTER … OWNER TO",
      ReassignOwnedStmt: "",
      DropOwnedStmt: "",
      CreatePolicyStmt: "",
      AlterPolicyStmt: "",
      SecLabelStmt: "SECURITY LABEL",
      CreateUserMappingStmt: "",
      AlterUserMappingStmt: "",
      DropUserMappingStmt: "",
    },
  },
  {
    cause: "a sandbox changes settings for its own session only",
    next:
      "Use SET name = value: it serves TimeZone, DateStyle, enable_…, a lower statement_timeout and the like",
    kinds: {
      AlterSystemStmt: "",
      AlterRoleSetStmt: "ALTER ROLE … SET",
      AlterDatabaseSetStmt: "ALTER DATABASE … SET",
    },
  },
  {
    cause: READ_ONLY,
    next: OPERATOR,
    kinds: {
      AlterCollationStmt: "",
      AlterDatabaseRefreshCollStmt: "ALTER DATABASE … REFRESH COLLATION VERSION",
      AlterDatabaseStmt: "",
      AlterDomainStmt: "",
      AlterEnumStmt: "ALTER TYPE … ADD VALUE",
      AlterFdwStmt: "ALTER FOREIGN DATA WRAPPER",
      AlterForeignServerStmt: "ALTER SERVER",
      AlterObjectDependsStmt: "ALTER … DEPENDS ON EXTENSION",
      AlterObjectSchemaStmt: "ALTER … SET SCHEMA",
      AlterOpFamilyStmt: "ALTER OPERATOR FAMILY",
      AlterOperatorStmt: "",
      AlterPublicationStmt: "",
      AlterSeqStmt: "ALTER SEQUENCE",
      AlterSubscriptionStmt: "",
      AlterTSConfigurationStmt: "ALTER TEXT SEARCH CONFIGURATION",
      AlterTSDictionaryStmt: "ALTER TEXT SEARCH DICTIONARY",
      AlterTableMoveAllStmt: "ALTER … ALL IN TABLESPACE",
      AlterTableSpaceOptionsStmt: "ALTER TABLESPACE",
      AlterTableStmt: "",
      AlterTypeStmt: "",
      CommentStmt: "",
      CompositeTypeStmt: "CREATE TYPE",
      CreateAmStmt: "CREATE ACCESS METHOD",
      CreateCastStmt: "",
      CreateConversionStmt: "",
      CreateDomainStmt: "",
      CreateEnumStmt: "CREATE TYPE",
      CreateFdwStmt: "CREATE FOREIGN DATA WRAPPER",
      CreateForeignServerStmt: "CREATE SERVER",
      CreateOpClassStmt: "CREATE OPERATOR CLASS",
      CreateOpFamilyStmt: "CREATE OPERATOR FAMILY",
      CreatePublicationStmt: "",
      CreateRangeStmt: "CREATE TYPE",
      CreateSubscriptionStmt: "",
      CreateTableSpaceStmt: "CREATE TABLESPACE",
      CreateTransformStmt: "",
      CreatedbStmt: "CREATE DATABASE",
      DefineStmt: "CREATE AGGREGATE, OPERATOR, TYPE, COLLATION or TEXT SEARCH",
      DropStmt: "",
      DropSubscriptionStmt: "",
      DropTableSpaceStmt: "DROP TABLESPACE",
      DropdbStmt: "DROP DATABASE",
      ImportForeignSchemaStmt: "",
      RenameStmt: "ALTER … RENAME",
      RuleStmt: "CREATE RULE",
    },
  },
];

/** The group of each kind of statement. */
const BY_KIND: ReadonlyMap<string, Group> = new Map(
  GROUPS.flatMap((group) => Object.keys(group.kinds).map((kind) => [kind, group] as const)),
);

/** The words of `CreateTableAsStmt` are CREATE TABLE AS. */
function words(kind: string): string {
  return kind.replace(/Stmt$/, "").replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ").toUpperCase();
}

/** A few kinds are several statements. */
function statementName({ kind, fields }: Node): string {
  if (kind === "VacuumStmt" && fields["is_vacuumcmd"] !== true) return "ANALYZE";
  if (kind === "CreateTableAsStmt" && fields["objtype"] === "OBJECT_MATVIEW") {
    return "CREATE MATERIALIZED VIEW";
  }
  return BY_KIND.get(kind)?.kinds[kind] || words(kind);
}

/**
 * The refusal of a kind of statement.
 *
 * @param node The statement.
 * @returns What to throw.
 */
export function refusedStatement(node: Node): Refusal {
  const group = BY_KIND.get(node.kind);
  const name = statementName(node);
  if (group === undefined) return new Refusal(`${name} is not allowed in a sandbox's SQL`, READ_ONLY_HINT);
  return new Refusal(
    `cannot execute ${name} in a sandbox: ${group.cause}`,
    group.next,
    group.sqlstate ?? SQLSTATE.insufficientPrivilege,
  );
}

/** Parts of a SELECT that are refused: the name in SQL, and what to do instead. */
const PARTS: ReadonlyMap<string, readonly [name: string, next: string]> = new Map([
  ["SelectStmt.intoClause", ["SELECT INTO", INTERMEDIATE_HINT]],
  [
    "SelectStmt.lockingClause",
    ["FOR UPDATE, FOR SHARE or another row lock", "Leave it out: nothing in a sandbox can change the rows"],
  ],
  ["RangeVar.catalogname", ["naming a database before a schema", "Write schema.table, or the table alone"]],
  ["RangeTableFunc", ["XMLTABLE", READ_XML_HINT]],
  ["TypeName.setof", ["SETOF", "Leave it out"]],
  ["TypeName.pct_type", ["%TYPE", "Write the type's own name, such as integer or text"]],
  ["CurrentOfExpr", ["WHERE CURRENT OF", "Compare the row's key instead"]],
  ["SetToDefault", ["DEFAULT as a value", "Write the value itself"]],
]);

/**
 * The refusal of a part of a SELECT.
 *
 * @param part A kind of node, or `Kind.field`.
 * @returns What to throw.
 */
export function refusedPart(part: string): Refusal {
  const [name, next] = PARTS.get(part) ?? [part, "Write it in another way: the guard knows the usual SELECT"];
  return new Refusal(`${name} is not allowed in a sandbox's SQL`, next);
}

/**
 * The refusal of a part that the parser writes differently from what the guard expects.
 *
 * @param what What it is, such as "a list".
 * @returns What to throw.
 */
export function unreadable(what: string): Refusal {
  return new Refusal(
    `the statement has ${what} that the guard cannot read`,
    "Write it in a simpler way, or split it into several statements",
  );
}
