/** A number of days since 1970-01-01, without a time zone. */
export type Day = number;

const MILLISECONDS = 86_400_000;

/** Days in a year, on average. */
export const YEAR = 365.25;

/**
 * The number of a day.
 *
 * @param year The year.
 * @param month The month, 1 to 12.
 * @param day The day of the month.
 * @returns The day's number.
 */
export function dayOf(year: number, month: number, day: number): Day {
  return Math.round(Date.UTC(year, month - 1, day) / MILLISECONDS);
}

/**
 * A day's year, month and day of the month.
 *
 * @param day A day's number.
 * @returns Its parts, the month from 1.
 */
export function partsOf(day: Day): { readonly year: number; readonly month: number; readonly day: number } {
  const date = new Date(day * MILLISECONDS);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
}

/** A cache: a population uses the same few thousand days many times. */
const WRITTEN = new Map<Day, string>();

/**
 * Writes a day.
 *
 * @param day A day's number.
 * @returns The day as YYYY-MM-DD.
 */
export function isoDate(day: Day): string {
  const known = WRITTEN.get(day);
  if (known !== undefined) return known;
  const text = new Date(day * MILLISECONDS).toISOString().slice(0, 10);
  WRITTEN.set(day, text);
  return text;
}

/**
 * Writes a day and time.
 *
 * @param day A day's number.
 * @param minute The minute of the day.
 * @returns The time as YYYY-MM-DD HH:MM:00.
 */
export function isoDateTime(day: Day, minute: number): string {
  const hours = String(Math.floor(minute / 60)).padStart(2, "0");
  return `${isoDate(day)} ${hours}:${String(minute % 60).padStart(2, "0")}:00`;
}
