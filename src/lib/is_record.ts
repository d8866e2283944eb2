/**
 * Whether a value is an object with fields: not null, not a list.
 *
 * @param value Anything.
 */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
