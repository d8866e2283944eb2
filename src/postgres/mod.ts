export { type Audit, type AuditEntry, type BrokerLimits, DEFAULT_LIMITS } from "./broker/mod.ts";
export type { CdmCatalog } from "./catalog/mod.ts";
export { Database, type DatabaseOptions } from "./database.ts";
export { localUpstream } from "./local/mod.ts";
export { checkPosture, type PostureProblem, type PostureReport, postureSql } from "./posture/mod.ts";
export { parseDatabaseUrl, type Upstream, urlUpstream } from "./upstream/mod.ts";
