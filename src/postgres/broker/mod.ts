export { type Audit, type AuditEntry, MAX_AUDIT_SQL } from "./audit.ts";
export { ConnectionCount, SandboxDoor } from "./door.ts";
export { type BrokerLimits, DEFAULT_LIMITS } from "./limits.ts";
export type { PlannedStatement, StatementPlanner } from "./planner.ts";
export { type Backend, type ClientSession, serveClient } from "./serve_client.ts";
export { sessionSettings, timeLimits } from "./settings.ts";
