/** What agents print on their stderr, as far as it reaches the log. */
import { logger } from "../observability/log.ts";

const log = logger("host");

/** Bytes of an agent's stderr that reach the log, over its life. */
const STDERR_LOG_BYTES = 64 * 1024;

/** The log of one agent. */
export interface AgentLog {
  /** The end of what it has said, for an error's text. */
  tail(): string;
}

/**
 * Sends what an agent prints on stderr to the log, and keeps its end.
 *
 * @param name The container's name.
 * @param stderr The stream; it is read to its end.
 */
export function logAgent(name: string, stderr: ReadableStream<Uint8Array>): AgentLog {
  const decoder = new TextDecoder();
  let tail = "";
  let seen = 0;
  void (async () => {
    for await (const chunk of stderr) {
      seen += chunk.byteLength;
      if (seen - chunk.byteLength >= STDERR_LOG_BYTES) continue;
      const text = decoder.decode(chunk, { stream: true });
      tail = (tail + text).slice(-2000);
      log.info("Agent of {name} says: {text}", { name, text: text.slice(0, 4000) });
      if (seen >= STDERR_LOG_BYTES) {
        log.warning("Agent of {name} says too much: the rest is dropped", { name });
      }
    }
  })().catch(() => {/* The attach ended: its owner knows. */});
  return { tail: () => tail };
}
