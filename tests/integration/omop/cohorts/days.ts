/** Days as numbers, counted from 1970, and ages. */

/** A value of a row. */
export type Cell = string | number | null;

/** A row by the names of its columns. */
export type Row = Readonly<Record<string, Cell>>;

/** A person's completed years on a day. */
export function birthdays(person: Row, on: number): number {
  const exact = person["birth_datetime"] ?? null;
  const born = exact === null
    ? [
      Number(person["year_of_birth"]),
      Number(person["month_of_birth"] ?? 1),
      Number(person["day_of_birth"] ?? 1),
    ]
    : String(exact).slice(0, 10).split("-").map(Number);
  const [year = 0, month = 1, date = 1] = born;
  const [ofYear = 0, ofMonth = 1, ofDate = 1] = text(on).split("-").map(Number);
  return ofYear - year - (ofMonth < month || ofMonth === month && ofDate < date ? 1 : 0);
}

/** Days since 1970. */
export function day(date: Cell | undefined): number {
  return Date.parse(`${date}T00:00:00Z`) / 86_400_000;
}

/** A day as YYYY-MM-DD. */
export function text(at: number): string {
  return new Date(at * 86_400_000).toISOString().slice(0, 10);
}

/** The year of a day. */
export function yearOf(at: number): number {
  return Number(text(at).slice(0, 4));
}
