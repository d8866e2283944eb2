import { isRecord } from "./is_record.ts";

/**
 * Whether a JSON value has more levels of lists and objects than allowed. It is not recursive, so that no value overflows the stack.
 *
 * @param value The value.
 * @param most The number of levels; a list of numbers has one.
 */
export function isDeeper(value: unknown, most: number): boolean {
  let level = [value].filter(isNest);
  for (let levels = 0; level.length > 0; levels += 1) {
    if (levels >= most) return true;
    level = level.flatMap((nest) => Object.values(nest).filter(isNest));
  }
  return false;
}

function isNest(value: unknown): value is Record<string, unknown> | readonly unknown[] {
  return Array.isArray(value) || isRecord(value);
}
