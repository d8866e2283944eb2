/** Finds canaries in what a client, an operator or a sandbox gets, in the forms that programs give to values. */
import { Buffer } from "node:buffer";
import { BIRTHS, DAYS, DIGITS, LETTER, PERSONS, WORD, YEARS } from "./plant.ts";

/** Characters around a found canary that are shown. */
const AROUND = 60;
const DAY_MS = 86_400_000;

const days = DAYS.join("|");
const years = YEARS.join("|");
const shortYears = YEARS.map((year) => `${year}`.slice(2)).join("|");
const epochs = YEARS.flatMap((year) => DAYS.map((day) => Date.UTC(year, 2, day) / DAY_MS));

/** Forms that no other text has by chance. */
const ANYWHERE: readonly RegExp[] = [
  // Texts: as they are, escaped, as bytes in hexadecimal digits and in base64.
  new RegExp([LETTER, "\\\\ua64e", WORD, hex(WORD), ...inBase64(WORD)].join("|"), "i"),
  // Numbers and identifiers: with separators of thousands, a decimal point anywhere, rounded to three digits.
  new RegExp(`${[...DIGITS].join("[.,'_\\u00a0\\u202f ]?")}[.,'_ ]?[45]`),
  /(?<![\d.])735(?:0{5,6}|(?:[.,]000){2}|00[.,]000)(?!\d)|73[.,]5(?:e\+?0?7| ?million)|7[.,]35(?:e\+?0?[78]| ?× ?10)/i,
  // Days: as in ISO, Germany, the United States, words; as seconds since 1970, which milliseconds begin with.
  new RegExp(
    `(?:${years})[-/.]0?3[-/.](?:${days})(?!\\d)|(?<![\\da-f])(?:${years})03(?:${days})(?![\\da-f])`,
  ),
  new RegExp(
    `(?<!\\d)(?:${days})\\.0?3\\.(?:${years}|${shortYears})|(?<!\\d)0?3/(?:${days})/(?:${years}|${shortYears})`,
  ),
  new RegExp(`Mar(?:ch|\\.)? (?:${days})(?!\\d)|(?<!\\d)(?:${days})(?:th|st|rd)? Mar`, "i"),
  new RegExp(epochs.map((day) => `(?<!\\d)${day * 86_400}`).join("|")),
  // Births: the band of five years.
  /188[05]-188[49]|189[05]-189[49]/,
];

/** Numbers as floating-point numbers and as integers of eight bytes. */
const BYTES: readonly Buffer[] = bytesOfNumbers();
const HEX: readonly string[] = BYTES.map((bytes) => bytes.toString("hex"));

/** Forms that a count, a size or a port may have by chance: only looked for in answers. */
const IN_ANSWERS: readonly RegExp[] = [
  new RegExp(`(?<![\\w.,-])(?:${epochs.join("|")})(?![\\w.,-])`),
  new RegExp(`(?<![\\w.,-])(?:${BIRTHS.join("|")})(?![\\w,-]|\\.\\d| [kKM]i?B| ms)`),
];

/**
 * Canaries in a text.
 *
 * @param text The text.
 * @param isAnswer Whether it is what a caller was answered.
 * @returns Each form that occurs, with the text around it.
 */
export function canariesIn(text: string, isAnswer = false): readonly string[] {
  const digits = text.toLowerCase();
  return [
    ...[...ANYWHERE, ...isAnswer ? IN_ANSWERS : []].map((form) => text.search(form)),
    ...HEX.map((bytes) => digits.indexOf(bytes)),
  ].filter((at) => at >= 0).map((at) => text.slice(Math.max(0, at - AROUND), at + AROUND));
}

/**
 * Canaries in a file: as text, and as the bytes of numbers.
 *
 * @param file Its bytes.
 */
export function canariesInFile(file: Uint8Array): readonly string[] {
  const bytes = Buffer.from(file);
  return [
    ...canariesIn(bytes.toString("utf8")),
    ...BYTES.filter((needle) => bytes.includes(needle)).map((needle) => `bytes ${needle.toString("hex")}`),
  ];
}

function hex(text: string): string {
  return Buffer.from(text).toString("hex");
}

/** The part of its base64 that does not depend on what surrounds it, for each of the three positions. */
function inBase64(text: string): readonly string[] {
  return [0, 1, 2].map((before) => {
    const bytes = Buffer.from("x".repeat(before) + text);
    const whole = bytes.subarray(before === 0 ? 0 : 3, bytes.length - bytes.length % 3);
    return RegExp.escape(whole.toString("base64"));
  });
}

/** Eight bytes each, in both orders. */
function bytesOfNumbers(): readonly Buffer[] {
  const [short, long] = [Number(`${DIGITS}4`), Number(`${DIGITS}40000`)];
  const integers = [
    ...[short, short * 10].flatMap((one) => [one, one + 1]),
    ...Array.from({ length: PERSONS }, (_, n) => long + n),
  ];
  return [
    ...[...integers, short + 0.37, short + 1.37].flatMap((number) =>
      bothOrders((bytes) => bytes.writeDoubleBE(number))
    ),
    ...integers.flatMap((number) => bothOrders((bytes) => bytes.writeBigInt64BE(BigInt(number)))),
  ];
}

function bothOrders(write: (bytes: Buffer) => void): readonly Buffer[] {
  const bytes = Buffer.alloc(8);
  write(bytes);
  return [bytes, Buffer.from(bytes).reverse()];
}
