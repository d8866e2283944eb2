/** Log lines on stderr. A client may not read them: the server neither waits for a reader nor ends without one. */
import type { LogRecord, Sink, TextFormatter } from "@logtape/logtape";
import { within } from "../lib/async/deadline.ts";
import { counted } from "../lib/counted.ts";

/** Maximum of bytes in lines that are kept while nobody reads; further lines are dropped and counted. */
const MAX_PENDING_BYTES = 4 * 1024 * 1024;
/** How long the shutdown waits for a reader of the kept lines. */
const CLOSE_MS = 1000;
const ENCODER = new TextEncoder();

/**
 * Creates a sink that writes lines in order, and drops lines that it cannot write.
 *
 * @param stream Where lines go; the sink locks it.
 * @param format Formats a record as a line.
 * @returns The sink; its disposal waits for the lines, for a second at most.
 */
export function stderrSink(
  stream: WritableStream<Uint8Array>,
  format: TextFormatter,
): Sink & AsyncDisposable {
  const writer = stream.getWriter();
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let lost = 0;
  let closed = false;
  let writing: Promise<void> | undefined;

  async function write(): Promise<void> {
    try {
      for (let line = pending.shift(); line !== undefined; line = pending.shift()) {
        await writer.write(line);
        pendingBytes -= line.length;
        if (lost > 0) keep(lostLine());
      }
    } catch {
      // The reader has closed stderr.
      closed = true;
      pending = [];
    } finally {
      writing = undefined;
    }
  }

  function lostLine(): Uint8Array {
    const properties = { lost };
    const message = `Lost ${counted(lost, "line")}: nobody read stderr`;
    lost = 0;
    return ENCODER.encode(
      `${
        JSON.stringify({
          "@timestamp": new Date().toISOString(),
          level: "WARN",
          message,
          logger: "omcp.log",
          properties,
        })
      }\n`,
    );
  }

  function keep(line: Uint8Array): void {
    pending.push(line);
    pendingBytes += line.length;
    writing ??= write();
  }

  function sink(record: LogRecord): void {
    if (closed) return;
    const line = ENCODER.encode(format(record));
    if (pendingBytes + line.length > MAX_PENDING_BYTES) lost += 1;
    else keep(line);
  }

  return Object.assign(sink, {
    [Symbol.asyncDispose]: async () => {
      if (writing !== undefined) await within(writing, CLOSE_MS);
      closed = true;
    },
  });
}
