export {
  type Audit,
  type AuditEntry,
  type Auditing,
  type BrokerLimits,
  DEFAULT_LIMITS,
  type Overrun,
  type StatementSource,
} from "./broker/mod.ts";
export type { CdmCatalog } from "./catalog/mod.ts";
export { Database, type DatabaseOptions } from "./database.ts";
export type * from "../lib/sql_outline.ts";
export { OwnReader, type ReadLimits } from "./own_reader.ts";
export { localUpstream } from "./local/mod.ts";
export {
  auditRole,
  READER_ROLE,
  readerRoleSql,
  type RoleProblem,
  type RoleReport,
  type RoleTarget,
  type Severity,
} from "./roles/mod.ts";
export {
  type OwnStatement,
  parseDatabaseUrl,
  type PostgresAddress,
  type RowLimits,
  type ServerKey,
  serverName,
  type SessionSettings,
  type TextRow,
  type TlsMode,
  type Upstream,
  type UpstreamSession,
  urlUpstream,
} from "./upstream/mod.ts";
export type { ByteReader } from "../lib/byte_reader.ts";
