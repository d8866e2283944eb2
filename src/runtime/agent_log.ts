/** Copies to the log what agents print on stderr, within limits. */
import { logger } from "../observability/log.ts";

const log = logger("runtime");

/** Bytes of one agent's stderr that reach the log. */
const STDERR_LOG_BYTES = 64 * 1024;
/** Characters of its end that are kept for an error's text. */
const TAIL_CHARACTERS = 2000;
/** Characters of one log entry. */
const ENTRY_CHARACTERS = 4000;

/** The log of one agent. */
export interface AgentLog {
  /** The end of what the agent has printed, for an error's text. */
  tail(): string;
}

/**
 * Sends what an agent prints on stderr to the log, and keeps its end.
 *
 * @param name The container's name.
 * @param stderr The stream; it is read to its end.
 * @param level `debug` where what runs under the agent is known to print a lot, as PostgreSQL does when it starts.
 */
export function logAgent(
  name: string,
  stderr: ReadableStream<Uint8Array>,
  level: "debug" | "info" = "info",
): AgentLog {
  const decoder = new TextDecoder();
  let tail = "";
  let bytes = 0;
  void (async () => {
    for await (const chunk of stderr) {
      bytes += chunk.byteLength;
      if (bytes - chunk.byteLength >= STDERR_LOG_BYTES) continue;
      const text = decoder.decode(chunk, { stream: true });
      tail = (tail + text).slice(-TAIL_CHARACTERS);
      log[level]("The agent of {name} printed: {text}", { name, text: text.slice(0, ENTRY_CHARACTERS) });
      if (bytes >= STDERR_LOG_BYTES) {
        log.warning("The agent of {name} printed more than {limit} bytes: the rest is not logged", {
          name,
          limit: STDERR_LOG_BYTES,
        });
      }
    }
  })().catch(() => {/* The attach ended; its owner handles that. */});
  return { tail: () => tail };
}
