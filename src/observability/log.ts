/** Structured logs, as JSON lines on stderr: stdout belongs to the protocol. */
import {
  configure,
  dispose,
  getJsonLinesFormatter,
  getLogger,
  getStreamSink,
  type Logger,
} from "@logtape/logtape";

/** The levels a log can be set to. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/**
 * Turns logging on for the whole process. Before this call, logs go nowhere.
 *
 * @param level The least severe level that is written.
 */
export async function startLogging(level: LogLevel): Promise<void> {
  await configure({
    reset: true,
    sinks: { stderr: getStreamSink(Deno.stderr.writable, { formatter: getJsonLinesFormatter() }) },
    loggers: [
      { category: ["omcp"], lowestLevel: level, sinks: ["stderr"] },
      // No level silences the audit.
      { category: ["omcp", "audit"], lowestLevel: "info", sinks: ["stderr"], parentSinks: "override" },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["stderr"] },
    ],
  });
}

/** Writes what is still buffered and ends logging. */
export async function stopLogging(): Promise<void> {
  await dispose();
}

/**
 * A logger of one module.
 *
 * @param module The module's name, such as "sandbox".
 */
export function logger(module: string): Logger {
  return getLogger(["omcp", module]);
}
