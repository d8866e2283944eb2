export { type Audit, type AuditEntry, type Auditing, MAX_AUDIT_SQL, type StatementSource } from "./audit.ts";
export { CostBudget, type CostBudgetOptions } from "./cost_budget.ts";
export { makingRoom } from "./making_room.ts";
export { ConnectionCount, SandboxConnections } from "./sandbox_connections.ts";
export { type BrokerLimits, DEFAULT_LIMITS } from "./limits.ts";
export type { Overrun } from "./end_session.ts";
export type { StatementPlanner } from "./planner.ts";
export { type Backend, type ClientSession, serveClient } from "./serve_client.ts";
export { sessionSettings, timeLimits } from "./settings.ts";
