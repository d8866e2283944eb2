/** Divides a budget of text: small parts stay whole, the large ones share the rest evenly; every cut states its size. */
import { utf8Bytes } from "../lib/bytes.ts";
import { afterSplit, beforeSplit } from "../lib/cut_text.ts";
import { readableBytes } from "../lib/text.ts";

/**
 * Divides a budget.
 *
 * @param total The budget.
 * @param demands How much each part needs.
 * @returns How much each part gets: never more than its demand, together at most the total.
 */
export function fairShares(total: number, demands: readonly number[]): number[] {
  const shares = demands.map(() => 0);
  let left = total;
  let waiting = demands.length;
  const smallestFirst = demands.map((demand, at) => ({ demand, at })).toSorted((a, b) => a.demand - b.demand);
  for (const { demand, at } of smallestFirst) {
    const share = Math.min(demand, Math.floor(left / waiting));
    shares[at] = share;
    left -= share;
    waiting -= 1;
  }
  return shares;
}

/** A piece of a longer text; `skipped` bytes before it were left out earlier. */
export interface Piece {
  readonly text: string;
  readonly skipped?: number | undefined;
}

/**
 * Cuts a text to its beginning and its end.
 *
 * @param text The text.
 * @param room How many characters may stay.
 * @returns The whole text, or its two ends, the second with the size of the middle.
 */
export function endsOf(text: string, room: number): Piece[] {
  if (text.length <= room) return [{ text }];
  const tail = Math.floor(room / 2);
  const head = beforeSplit(text, room - tail);
  const end = afterSplit(text, text.length - tail);
  return [{ text: head }, {
    text: end,
    skipped: utf8Bytes(text.slice(head.length, text.length - end.length)),
  }];
}

/**
 * Keeps the beginning and the end of a text that comes in pieces, and states the size of the middle that is left out.
 *
 * @param pieces The text.
 * @param room How many characters may be kept.
 * @returns A text for each piece; empty if all of it was left out.
 */
export function keepEnds(pieces: readonly Piece[], room: number): string[] {
  const length = pieces.reduce((sum, { text }) => sum + text.length, 0);
  const all = length <= room;
  const tail = all ? 0 : Math.floor(room / 2);
  const headEnd = all ? length : room - tail;
  const tailStart = length - tail;
  let omitted = 0;
  let at = 0;
  const shown = pieces.map(({ text, skipped = 0 }) => {
    const start = at;
    at += text.length;
    const head = beforeSplit(text, Math.max(0, headEnd - start));
    const end = all ? "" : afterSplit(text, Math.max(0, tailStart - start));
    const middle = text.slice(head.length, text.length - end.length);
    omitted += skipped + utf8Bytes(middle);
    if (head === text) {
      const gap = skipped > 0 ? mark(omitted) : "";
      if (skipped > 0) omitted = 0;
      return gap + text;
    }
    // The mark goes before the text that continues, or at the end.
    if (end === "") return head;
    const gap = omitted > 0 ? mark(omitted) : "";
    omitted = 0;
    return head + gap + end;
  });
  if (omitted > 0) {
    const last = shown.findLastIndex((text) => text !== "");
    const where = Math.max(0, last);
    shown[where] = (shown[where] ?? "") + mark(omitted);
  }
  return shown;
}

function mark(bytes: number): string {
  return `\n… [${readableBytes(bytes)} left out here] …\n`;
}
