export { Guard, type GuardOptions } from "./guard.ts";
export { decideStartup, type StartupDecision } from "./startup.ts";
export { MAX_SQL_BYTES } from "./precheck.ts";
export type { ForwardCommand, StatementPlan } from "./statement_plan.ts";
export type { GuardPolicy, QueryProtocol } from "./types.ts";
