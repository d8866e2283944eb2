import { charactersIn, type Place } from "../guard/text.ts";

/**
 * Joins the places of several statements that are sent as one text.
 *
 * @param statements Each one's text and places.
 * @param separator The text between them.
 * @returns The places in the whole text.
 */
export function joinedPlaces(
  statements: readonly { readonly sql: string; readonly places?: readonly Place[] }[],
  separator: string,
): readonly Place[] {
  const joined: Place[] = [];
  let base = 0;
  for (const { sql, places = [] } of statements) {
    for (const [sent, written] of places) joined.push([base + sent, written]);
    base += charactersIn(sql) + separator.length;
  }
  return joined;
}

/**
 * Finds a character of the client's text.
 *
 * @param places The places of the parts of the text that was sent.
 * @param position 1-based character of what was sent on.
 * @returns 1-based character of the client's text; the position itself if nothing is known.
 */
export function writtenPosition(places: readonly Place[], position: number): number {
  const next = places.findIndex(([sent]) => sent > position - 1);
  const place = places.at(next < 0 ? -1 : next - 1);
  if (place === undefined || next === 0) return position;
  const [sent, written] = place;
  const found = written + position - 1 - sent;
  // within what was inserted: the error is where the next part begins
  const most = next < 0 ? Infinity : places[next]?.[1] ?? Infinity;
  return Math.min(found, most) + 1;
}
