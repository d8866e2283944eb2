/** Structured logs, as JSON lines on stderr: stdout belongs to the protocol. */
import {
  configure,
  dispose,
  getJsonLinesFormatter,
  getLogger,
  type Logger,
  type LogRecord,
  type Sink,
  type TextFormatter,
} from "@logtape/logtape";
import { escapedLine, logLine } from "./json_line.ts";
import { StderrLines } from "./stderr_lines.ts";
import { errorMessage } from "../lib/error_message.ts";

/** The levels of the log. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** Set while logging is on. */
let lines: StderrLines | undefined;

/**
 * Turns logging on for the whole process. Before this call, logs and the audit on stderr go nowhere.
 *
 * @param level The least severe level that is written.
 */
export async function startLogging(level: LogLevel): Promise<void> {
  const format = getJsonLinesFormatter();
  const formatter: TextFormatter = (record) =>
    escapedLine(format({ ...record, message: [renderedMessage(record.message)] }));
  const stderr = new StderrLines(Deno.stderr.writable);
  const sink: Sink & AsyncDisposable = Object.assign((record: LogRecord) => stderr.write(formatter(record)), {
    [Symbol.asyncDispose]: () => stderr[Symbol.asyncDispose](),
  });
  lines = stderr;
  await configure({
    reset: true,
    sinks: { stderr: sink },
    loggers: [
      { category: ["omcp"], lowestLevel: level, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["stderr"] },
    ],
  });
}

/**
 * Writes a line of the audit among those of the log, which no level silences. Without LogTape: a client of the database causes
 * thousands of them in a second, and a record of LogTape's is several times as much garbage as the line.
 *
 * @param fields Its fields.
 */
export function writeAuditLine(fields: Readonly<Record<string, string | number | null>>): void {
  lines?.write(logLine("INFO", "omcp.audit", "Audit", fields));
}

/**
 * Inserts a message's values into its text.
 *
 * @param parts Text and values in turn.
 * @returns The message; texts have no quotes, which LogTape's own formatter would add (JSON in JSON).
 */
export function renderedMessage(parts: readonly unknown[]): string {
  return parts.map((part) => typeof part === "string" ? part : Deno.inspect(part)).join("");
}

/** Writes the lines that are still buffered, and ends logging. */
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

/**
 * Logs the start and the end of a slow step.
 *
 * @param log The logger of the module.
 * @param name The step, as in "Start the local database"; a constant, without braces.
 * @param run The step's work.
 * @param facts Properties of both lines; never a secret.
 * @returns What `run` returns; what it throws is logged and thrown.
 */
export async function logStep<T>(
  log: Logger,
  name: string,
  run: () => Promise<T>,
  facts: Readonly<Record<string, unknown>> = {},
): Promise<T> {
  const start = performance.now();
  const elapsed = () => ({ ...facts, durationMs: Math.round(performance.now() - start) });
  log.info(`${name}: started`, { ...facts });
  try {
    const value = await run();
    log.info(`${name}: done in {durationMs} ms`, elapsed());
    return value;
  } catch (error) {
    log.warning(`${name}: failed after {durationMs} ms: {error}`, {
      ...elapsed(),
      error: errorMessage(error),
    });
    throw error;
  }
}
