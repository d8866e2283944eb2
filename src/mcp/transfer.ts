/** What `import_file` and `export_file` have in common. */
import type { ExchangeFolder } from "../exchange/mod.ts";
import { OmcpError } from "../errors.ts";
import { readableBytes } from "../lib/text.ts";
import type { ExecutionRun } from "../sandbox/mod.ts";
import type { ToolServices } from "./tool.ts";

/** Bytes between two reports of progress. */
const PROGRESS_BYTES = 16 * 1024 * 1024;

/**
 * The exchange folder.
 *
 * @param services The services.
 * @throws {OmcpError} `internal` if there is none, which is a defect: the server then offers no tool that needs it.
 */
export function requireExchange({ exchange }: ToolServices): ExchangeFolder {
  if (exchange !== undefined) return exchange;
  throw new OmcpError("internal", "A tool of the exchange folder is offered without one");
}

/**
 * Passes bytes on, and reports progress.
 *
 * @param bytes The bytes.
 * @param size How many there are.
 * @param run Gets the reports.
 */
export async function* withProgress(
  bytes: AsyncIterable<Uint8Array>,
  size: number,
  run: Pick<ExecutionRun, "progress">,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  let reported = 0;
  for await (const chunk of bytes) {
    yield chunk;
    done += chunk.length;
    if (done - reported < PROGRESS_BYTES) continue;
    reported = done;
    run.progress(`${readableBytes(done)} of ${readableBytes(size)}`);
  }
}
