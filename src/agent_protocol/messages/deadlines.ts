/**
 * The steps after an execution's timeout or interrupt, in milliseconds. The server sends the agent its part in the boot
 * configuration, so that Python repeats no constant. A test compares the table of MESSAGES.md and checks the sum.
 */
export const EXECUTION_DEADLINES = {
  /** The agent sends SIGINT a second time. */
  secondInterruptMs: 500,
  /** The agent kills the kernel and the processes that the execution has started. */
  killMs: 1000,
  /** This long after the kill the agent replies, even if some processes have not ended. */
  clearMs: 600,
  /** The server answers its caller with what it knows. */
  answerMs: 1800,
  /** The promise of docs/security.md: every call has returned. */
  promiseMs: 2000,
  /** The server removes the sandbox: the agent has not replied. Clearing a fork bomb took 0.8 to 1.7 s on two quiet cores; a loaded host needs longer. */
  giveUpMs: 55_000,
} as const;

/**
 * Milliseconds without a byte from the agent, while a PING is unanswered, after which the server considers it lost. Later than `giveUpMs`: an
 * execution must have ended before. Earlier than the default lease of 90 s. An agent on a loaded host may be silent for more than 20 s. The cause:
 * tasks of its container exceed the processor quota inside the operating system, and Linux makes all tasks of the container wait until the excess
 * is paid back.
 */
export const SILENCE_MS = 60_000;
