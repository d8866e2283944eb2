export { auditRole, MAX_FOUND, requireSafeRole, type RoleProblem, type RoleReport } from "./audit_role.ts";
export { READER_ROLE, readerRoleSql, type RoleTarget } from "./reader_role_sql.ts";
export type { Severity } from "./role_check.ts";
