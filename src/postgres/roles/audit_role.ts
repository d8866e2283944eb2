import { quoteIdentifier, quoteLiteral } from "../../lib/sql.ts";
import * as z from "zod";
import { OmcpError } from "../../errors.ts";
import { ask, type UpstreamSession } from "../upstream/mod.ts";
import { READER_ROLE, readerRoleSql } from "./reader_role_sql.ts";
import type { Severity } from "./role_check.ts";
import { ROLE_CHECKS } from "./role_checks.ts";

/** A fault of the role or the database. */
export interface RoleProblem {
  /** The stable name of the check, such as `write_grants`. */
  readonly kind: string;
  /** Whether it keeps the server from serving. */
  readonly severity: Severity;
  /** Whether another role would help, or the database itself must change. */
  readonly about: "role" | "database";
  /** A sentence without its final period: what it means, and what was found. */
  readonly message: string;
  /** What was found, at most {@link MAX_FOUND}. */
  readonly found: readonly string[];
}

/** The result of all checks. */
export interface RoleReport {
  /** The role that statements run under. */
  readonly role: string;
  /** The database the session is connected to. */
  readonly database: string;
  /** PostgreSQL's `server_version_num`. */
  readonly serverVersion: number;
  /** Worst first; empty for a role that may read the CDM and nothing else. */
  readonly problems: readonly RoleProblem[];
}

/** The next step if the fault is in the database, not in the role's rights. */
const DATABASE_STEP =
  "Drop what is listed of functions, operators, operator classes, casts and types, or serve a database without them; " +
  "if their code may run for everybody who queries, name the role in OMCP_UNSAFE_ROLE.";

/** Findings of one kind that are kept. */
export const MAX_FOUND = 20;

const IDENTITY = z.tuple([z.tuple([z.string(), z.string(), z.string().regex(/^\d+$/)])]);
const FINDING = z.array(z.tuple([z.string()]));

/**
 * Audits the role of a session: whether it may do more than read, such as write, create, own, reach other things or become another role.
 *
 * @param session An idle session of that role.
 * @param cdmSchema The CDM's schema.
 * @param signal Ends it.
 * @returns What is wrong, worst first; nothing for a role as {@link readerRoleSql} makes it.
 */
export async function auditRole(
  session: UpstreamSession,
  cdmSchema: string,
  signal: AbortSignal,
): Promise<RoleReport> {
  const identity =
    "SELECT current_user::text, current_database()::text, current_setting('server_version_num')";
  const [[role, database, version]] = IDENTITY.parse(await ask(session, identity, signal));
  const serverVersion = Number(version);
  const problems: RoleProblem[] = [];
  for (const question of ROLE_CHECKS) {
    if (serverVersion < (question.since ?? 0)) continue;
    const rows = FINDING.parse(await ask(session, question.sql(quoteLiteral(cdmSchema)), signal));
    if (rows.length === 0) continue;
    const found = rows.slice(0, MAX_FOUND).map(([name]) => name);
    const more = rows.length > found.length ? ` and ${rows.length - found.length} more` : "";
    const message = `${question.meaning}: ${found.join(", ")}${more}`;
    const { kind, severity, about = "role" } = question;
    problems.push({ kind, severity, about, message, found });
  }
  return { role, database, serverVersion, problems };
}

/** What every role may do unless an administrator revokes it; only PostgreSQL before 15 has the second one. */
const PUBLIC_DEFAULTS = new Map<string, (database: string) => string>([
  ["create_on_database TEMPORARY", (database) => `REVOKE TEMPORARY ON DATABASE ${quoteIdentifier(database)}`],
  ["create_on_schema public", () => "REVOKE CREATE ON SCHEMA public"],
]);

/** A role that was granted nothing but reading still has what PostgreSQL gives to everybody: it needs a REVOKE, not another role. */
function requirePublicDefaultsRevoked({ role, database }: RoleReport, unsafe: readonly RoleProblem[]): void {
  const faults = unsafe.flatMap(({ kind, found }) => found.map((name) => `${kind} ${name}`));
  const missing = faults.flatMap((fault) => PUBLIC_DEFAULTS.get(fault)?.(database) ?? []);
  if (missing.length < faults.length) return;
  const statements = missing.map((statement) => `${statement} FROM PUBLIC, ${quoteIdentifier(role)};`).join(
    " ",
  );
  throw new OmcpError(
    "database_unsafe_role",
    `Missing: ${statements} Until an administrator runs that in database ${database}, role ${role} may create objects there, as every role may by PostgreSQL's default`,
    {
      state: "Nothing was served.",
      next:
        "Let an administrator run it, and try again. If another role needs such a privilege, grant it to that role by name.",
      details: { role, kinds: unsafe.map(({ kind }) => kind) },
    },
  );
}

/**
 * Refuses a role that could do harm.
 *
 * @param report What was found.
 * @param options The CDM's schema, and the name of a role that the operator has chosen in spite of the problems.
 * @throws {OmcpError} `database_unsafe_role`, with the SQL that makes a right role in `next`.
 */
export function requireSafeRole(
  report: RoleReport,
  options: { readonly cdmSchema: string; readonly allowUnsafeRole?: string },
): void {
  const unsafe = report.problems.filter((problem) => problem.severity === "unsafe");
  if (unsafe.length === 0 || report.role === options.allowUnsafeRole) return;
  requirePublicDefaultsRevoked(report, unsafe);
  const sql = readerRoleSql({ role: READER_ROLE, schema: options.cdmSchema, database: report.database });
  const steps = [
    ...(unsafe.some(({ about }) => about === "role")
      ? [`Make a role that can only read, and use it in OMCP_DATABASE_URL:\n${sql}`]
      : []),
    ...(unsafe.some(({ about }) => about === "database") ? [DATABASE_STEP] : []),
  ];
  const what = unsafe.map((problem) => `- ${problem.message}.`).join("\n");
  throw new OmcpError(
    "database_unsafe_role",
    `Role ${report.role} of database ${report.database} has rights that a sandbox's must not have, or its database runs code of its own:\n${what}`,
    {
      state: "Nothing was served.",
      next: steps.join("\n"),
      details: { role: report.role, kinds: unsafe.map((problem) => problem.kind) },
    },
  );
}
