import { variantsOf } from "./words.ts";

/** Nearly every shorter number is a concept's id, so that one digit less or another says nothing. */
const FEWEST_DIGITS = 6;

/**
 * Ids that a mistyped one may mean: one digit wrong, missing or too many, or two neighbours swapped.
 *
 * @param id The id as it was given.
 * @returns The ids, without the given one: about twenty for each digit; none for a short id.
 */
export function nearIds(id: number): readonly number[] {
  const digits = String(id);
  if (digits.length < FEWEST_DIGITS) return [];
  return variantsOf(digits, "0123456789").filter((text) => /^[1-9]\d{0,14}$/.test(text)).map(Number);
}
