/** Keys that say where a node stands. Within a text that a tree holds, the quotes around such a word are escaped. */
const PLACES = /,?"(?:location|rexpr_list_start|rexpr_list_end)":-?[0-9]+/g;

/**
 * Writes a tree as text without places, in which equal statements are equal however they are spaced: the parser writes the fields
 * of a kind of node always in one order.
 *
 * @param tree A parse tree, or a part of one.
 * @returns The text.
 */
export function shapeOf(tree: unknown): string {
  return (JSON.stringify(tree) ?? "").replace(PLACES, "");
}
