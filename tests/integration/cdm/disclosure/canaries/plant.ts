/**
 * Canaries: values of persons that must not leave the database in aggregate mode. Every text, date and number column of every table but the
 * vocabulary's has two: one of one person (0), one of all others. All persons with canaries together are still too few for a number.
 */
import { DEFAULT_PRESET, leastShown, PRESETS } from "../../../../../src/cdm/disclosure/rules.ts";
import { type CdmColumn, cdmTables, isTextType } from "../../../../../src/omop/cdm/mod.ts";

/** The version of the sample. */
const VERSION = "5.4";
/** All canaries that are numbers begin with this; the last digit is the person's or the group's. */
export const DIGITS = "7351926";
/** What canaries that are texts begin with: no other text has it, and columns of two characters hold it. */
export const LETTER = "ꙮ";
/** How they continue in columns that are long enough. */
export const WORD = "canary-kx7f3q";
/** Days of the canaries; their month is one of many. The first two are the person's. */
export const DAYS = [17, 19, 21, 23] as const;
/** Years of the canaries that are dates: of observation's start, of events, of observation's end. */
export const YEARS = [2009, 2013, 2019] as const;
/** Years of birth, each alone in its band of five. */
export const BIRTHS = [1887, 1893] as const;

/** Tables about persons and what they came into touch with: all but the vocabulary, and the CDM's description of itself. */
export const PLANTED = cdmTables(VERSION).filter(({ group, name }) =>
  group !== "vocabulary" && name !== "cdm_source"
);

/** Persons with canaries. With one more, their set would be shown, and then the group without person 0 as well, as nearly the same persons. */
export const PERSONS = leastShown(PRESETS[DEFAULT_PRESET]) - 1;

/** SQL that plants them. The vocabulary does not have their concepts. */
export function plantingSql(): string {
  return [
    "SET session_replication_role = replica",
    ...PLANTED.map(({ name, columns }) =>
      `INSERT INTO cdm.${name} (${columns.map((column) => `"${column.name}"`).join(", ")})
       SELECT ${columns.map((column) => value(name, column)).join(", ")} FROM generate_series(0, ${
        PERSONS - 1
      }) AS n`
    ),
  ].join(";\n");
}

/** Whether a column's canary can be told from other values by itself. */
export function isDistinct({ name }: Pick<CdmColumn, "name">): boolean {
  return name !== "month_of_birth" && name !== "day_of_birth";
}

/** A canary's SQL; `n` is the person. */
function value(table: string, { name, type, length }: CdmColumn): string {
  const [first, last] = [DAYS[0], DAYS[2]];
  const year = table !== "observation_period" ? YEARS[1] : name.includes("start") ? YEARS[0] : YEARS[2];
  const later = /end|verbatim/.test(name) ? DAYS[1] - first : 0;
  const day = `make_date(${year}, 3, ${later} + CASE WHEN n = 0 THEN ${first} ELSE ${last} END)`;
  if (isTextType(type)) return `left('${LETTER}${WORD}', ${length ?? 100})`;
  switch (type) {
    case "date":
      return day;
    case "timestamp":
      return `${day} + time '07:35:19.264'`;
    case "numeric":
      return `${DIGITS}4.37 + (n > 0)::int`;
    case "bigint":
      return /_concept_id/.test(name) ? `${DIGITS}4 + (n > 0)::int` : `${DIGITS}40000 + n`;
    case "integer":
      if (name === "year_of_birth") return `CASE WHEN n = 0 THEN ${BIRTHS[0]} ELSE ${BIRTHS[1]} END`;
      return isDistinct({ name }) ? `${DIGITS}40 + (n > 0)::int` : "3";
  }
}
