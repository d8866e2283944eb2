/**
 * What happens after an execution's timeout, or after its interrupt, in milliseconds from there. The agent gets its part in the boot
 * configuration: no constant is repeated in Python. MESSAGES.md has the table; a test compares it and checks the sum.
 */
export const EXECUTION_DEADLINES = {
  /** The agent sends SIGINT a second time. */
  secondInterruptMs: 500,
  /** The agent kills the kernel and what the execution has started. */
  killMs: 1000,
  /** After the kill the agent replies, whether all processes have ended or not. */
  clearMs: 600,
  /** The server answers its caller with what it knows. */
  answerMs: 1800,
  /** The promise: every call has its answer. */
  promiseMs: 2000,
  /** The server gives the sandbox up: the agent has not replied. A fork bomb on a busy host took 20 s. */
  giveUpMs: 45_000,
} as const;
