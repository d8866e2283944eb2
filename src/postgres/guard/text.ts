/** Text helpers of the guard and the broker. They are here because the guard's worker may read this folder only. */

/** From character `sent` of the text that is sent, the text equals the client's text from character `written`. */
export type Place = readonly [sent: number, written: number];

/**
 * Counts characters as PostgreSQL does: a surrogate pair is one.
 *
 * @param text Well-formed text.
 * @returns How many.
 */
export function charactersIn(text: string): number {
  let pairs = 0;
  for (let at = 0; at < text.length; at += 1) if ((text.charCodeAt(at) & 0xfc00) === 0xd800) pairs += 1;
  return text.length - pairs;
}

/**
 * Cuts a text, so that the rest takes no more memory than it shows.
 *
 * @param text The text.
 * @param most How many characters may stay.
 * @returns The text, or its beginning and how much is missing.
 */
export function clipped(text: string, most: number): string {
  if (text.length <= most) return text;
  // A copy: a slice would keep the whole text in memory.
  const kept = new TextDecoder().decode(new TextEncoder().encode(text.slice(0, most)));
  return `${kept}… (${text.length - most} characters more)`;
}
