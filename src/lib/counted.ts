/**
 * Writes a number with its noun.
 *
 * @param count How many.
 * @param singular The noun for one.
 * @param plural The noun for any other number. @default {singular + "s"}
 * @returns As in `1 row` and `2,000 rows`.
 */
export function counted(count: number, singular: string, plural: string = `${singular}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? singular : plural}`;
}
