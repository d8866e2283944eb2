import { variantsOf } from "./words.ts";

/**
 * Ids that a mistyped one may mean: one digit wrong, missing or too many, or two neighbours swapped.
 *
 * @param id The id as it was given.
 * @returns The ids, without the given one: about twenty for each digit.
 */
export function nearIds(id: number): readonly number[] {
  return variantsOf(String(id), "0123456789").filter((text) => /^[1-9]\d{0,14}$/.test(text)).map(Number);
}
