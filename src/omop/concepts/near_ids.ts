/**
 * Ids that a mistyped one may mean: one digit wrong, missing or too many, or two neighbours swapped.
 *
 * @param id The id as it was given.
 * @returns The ids, without the given one: about twenty for each digit.
 */
export function nearIds(id: number): readonly number[] {
  const digits = String(id);
  const found = new Set<string>();
  for (let at = 0; at <= digits.length; at += 1) {
    const [before, after] = [digits.slice(0, at), digits.slice(at)];
    const [first = "", second = ""] = after;
    for (const digit of "0123456789") {
      found.add(before + digit + after);
      if (after !== "") found.add(before + digit + after.slice(1));
    }
    if (after !== "") found.add(before + after.slice(1));
    if (second !== "") found.add(before + second + first + after.slice(2));
  }
  found.delete(digits);
  return [...found].filter((text) => /^[1-9]\d{0,14}$/.test(text)).map(Number);
}
