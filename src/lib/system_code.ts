/**
 * The system's code of an error.
 *
 * @param error What was thrown.
 * @returns Such as `ENOENT`; undefined if it has none.
 */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("code" in error && typeof error.code === "string") return error.code;
  if (error instanceof Deno.errors.NotFound) return "ENOENT";
  return error instanceof Deno.errors.AlreadyExists ? "EEXIST" : undefined;
}
