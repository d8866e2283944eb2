/** The bounds of calls by code in sandboxes, all in one place. */

/** Of each sandbox. Times in milliseconds. */
export const CODE_CALL_LIMITS = {
  /** Streams open at once. `src/guest/agent/tool_relay.py` allows as many connections. */
  streams: 16,
  /** Calls that run or whose answer is being sent; the others wait, first in, first out. */
  running: 2,
  /** From the start of a call to that of the next: at most 40 a second. */
  intervalMs: 25,
  /** The longest request. The largest useful one has a concept set of thousands of concepts. */
  requestBytes: 256 * 1024,
  /** Its deepest nesting of lists and objects; a query uses about ten levels. */
  depth: 40,
  /** From the opening of a stream to the end of its request. */
  readMs: 10_000,
  /** The longest wait for a turn. */
  turnMs: 30_000,
  /** The longest answer. The largest, an expanded concept set, has about 150 KiB. */
  answerBytes: 4 * 1024 * 1024,
  /** For a reader to take its answer, and then to close its connection. */
  writeMs: 10_000,
} as const;

/** Bounds, by the names of {@link CODE_CALL_LIMITS}. */
export type CodeCallLimits = { readonly [name in keyof typeof CODE_CALL_LIMITS]: number };
