import { isFields } from "./ast.ts";

/**
 * Writes a tree as text without places, in which equal statements are equal however they are spaced.
 *
 * @param tree A parse tree, or a part of one.
 * @returns The text.
 */
export function shapeOf(tree: unknown): string {
  return JSON.stringify(tree, (key, value: unknown) => {
    if (key === "location" || key.startsWith("rexpr_list_")) return undefined;
    return isFields(value) ? Object.fromEntries(Object.entries(value).sort()) : value;
  });
}
