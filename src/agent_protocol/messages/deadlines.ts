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

/**
 * Milliseconds without a byte from the agent, while a PING is unanswered, after which the server takes it for lost. Later than `giveUpMs`:
 * an execution has its own end before. Earlier than the lease of 90 s, the default. A fork bomb on a loaded host silenced an agent for more than 20 s: under a
 * processor quota, Linux makes all tasks of the container wait until what the bomb has used beyond the quota is paid back.
 */
export const SILENCE_MS = 60_000;
