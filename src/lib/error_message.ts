/**
 * The message of anything that was thrown, for a log line or another error's text.
 *
 * @param error What a `catch` received.
 */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
