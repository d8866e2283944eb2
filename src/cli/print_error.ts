import { OmcpError } from "../errors.ts";

/**
 * Prints why a program ends, on stderr: stdout may belong to a protocol.
 *
 * @param error What was thrown.
 */
export function printError(error: unknown): void {
  const lines = error instanceof OmcpError
    ? [`${error.code}: ${error.message}`, error.state, error.next]
    : [`internal: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`];
  const text = lines.filter((line) => line !== undefined).join("\n");
  Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`));
}
