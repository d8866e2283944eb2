/** The agent's own error codes: in replies and in state events. */
export const AGENT_ERROR_CODES = [
  "busy",
  "internal",
  "invalid_argument",
  "kernel_unavailable",
  "no_pipes",
  "unknown_method",
  "cdm_in_use",
  "database_failed",
  "no_data",
  "relay_failed",
] as const;

/** One of the agent's own error codes. */
export type AgentErrorCode = typeof AGENT_ERROR_CODES[number];
