/** Keys that give the place of a node. Within a text of the tree, the quotes around such a word are escaped. */
const PLACES = /,?"(?:location|rexpr_list_start|rexpr_list_end)":-?[0-9]+/g;

/**
 * Writes a tree as text without places, so that equal statements are equal however they are spaced. The parser always writes the
 * fields of a kind of node in one order.
 *
 * @param tree A parse tree, or a part of one.
 * @returns The text.
 */
export function shapeOf(tree: unknown): string {
  return (JSON.stringify(tree) ?? "").replace(PLACES, "");
}
