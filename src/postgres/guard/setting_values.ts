/** Rules for the values of settings, as PostgreSQL 13 to 17 read them; a rule allows only what it knows for certain. */
import type { GuardPolicy } from "./types.ts";

/** The value given, one text or, as in `SET datestyle TO ISO, MDY`, several. */
export type SettingValues = readonly string[];

/** Says whether a setting may have a value. */
export type ValueRule = (values: SettingValues, policy: GuardPolicy) => boolean;

/** Any value, because nothing depends on it. @param values The value. @returns Whether there is one. */
export function anything(values: SettingValues): boolean {
  return values.length > 0;
}

/** One of a few words, in any case. @param words The words, lower case. @returns The rule. */
export function oneOf(...words: readonly string[]): ValueRule {
  return (values) => values.length === 1 && words.includes((values[0] ?? "").toLowerCase());
}

/** PostgreSQL also takes beginnings of these words; drivers do not write them. */
const ON_WORDS = ["on", "true", "yes", "1"];
const OFF_WORDS = ["off", "false", "no", "0"];

/**
 * UTF-8 by any name: PostgreSQL looks at letters and digits only.
 *
 * @param values The value.
 * @returns Whether it is one.
 */
export function utf8(values: SettingValues): boolean {
  const name = (values[0] ?? "").replaceAll(/[^A-Za-z0-9]/g, "").toLowerCase();
  return values.length === 1 && ["utf8", "unicode"].includes(name);
}

/** Only on. */
export const on: ValueRule = oneOf(...ON_WORDS);
/** Only off. */
export const off: ValueRule = oneOf(...OFF_WORDS);
/** On or off. */
export const onOrOff: ValueRule = oneOf(...ON_WORDS, ...OFF_WORDS);

/**
 * A number within bounds, in plain decimal notation.
 *
 * @param least The least.
 * @param most The most.
 * @returns The rule.
 */
export function between(least: number, most: number): ValueRule {
  return (values) => {
    const text = values.length === 1 ? values[0] ?? "" : "";
    if (!/^-?(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,9})?$/.test(text)) return false;
    return Number(text) >= least && Number(text) <= most;
  };
}

const MILLISECONDS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["ms", 1],
  ["s", 1_000],
  ["min", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/**
 * A time limit that is not above the session's own. 0 means no limit, so it does not pass.
 *
 * @param setting Its name in {@link GuardPolicy.timeLimits}; without a limit there, any time but 0.
 * @returns The rule.
 */
export function timeUpToLimit(setting: string): ValueRule {
  return (values, policy) => {
    const match = values.length === 1 ? /^\s*([1-9][0-9]{0,9})\s*([a-z]*)\s*$/.exec(values[0] ?? "") : null;
    const factor = MILLISECONDS.get(match?.[2] ?? "");
    if (match === null || factor === undefined) return false;
    return Number(match[1]) * factor <= (policy.timeLimits?.get(setting) ?? 2 ** 31 - 1);
  };
}

/**
 * A time limit that may be 0 if the session has no limit, or always.
 *
 * @param setting Its name in {@link GuardPolicy.timeLimits}.
 * @param always Set where another limit ends what it limits.
 * @returns The rule.
 */
export function timeOrNone(setting: string, always = false): ValueRule {
  const limited = timeUpToLimit(setting);
  return (values, policy) => {
    const none = values.length === 1 && values[0] === "0";
    return none ? always || policy.timeLimits?.has(setting) !== true : limited(values, policy);
  };
}

/**
 * An amount of memory or disk, for settings that reserve nothing.
 *
 * @param values The value.
 * @returns Whether it is one.
 */
export function size(values: SettingValues): boolean {
  return values.length === 1 && /^\s*[0-9]{1,9}\s*(?:B|kB|MB|GB|TB)?\s*$/.test(values[0] ?? "");
}

/** Schemas that change nothing after the CDM's schema in a search path, because their tables are out of reach. */
const BEHIND: ReadonlySet<string> = new Set(["public", "pg_catalog", "$user"]);

/**
 * The search path as it is: the CDM's schema first.
 *
 * @param values The schemas.
 * @param policy The CDM's schema.
 * @returns Whether it is that.
 */
export function cdmFirst(values: SettingValues, policy: GuardPolicy): boolean {
  return values[0] === policy.cdmSchema && values.slice(1).every((name) => BEHIND.has(name));
}

/**
 * Splits a list of names, as set_config() and startup options give it, into what `SET … TO a, b` would give.
 *
 * @param text Names with commas between them, some in double quotes.
 * @returns The names; unquoted ones in lower case; undefined if it is not such a list.
 */
export function splitNames(text: string): readonly string[] | undefined {
  const names: string[] = [];
  const item = /\s*(?:"((?:[^"]|"")+)"|([\p{L}_$][\p{L}\p{N}_$]*))\s*(,|$)/uy;
  while (item.lastIndex < text.length || names.length === 0) {
    const match = item.exec(text);
    if (match === null) return undefined;
    names.push(match[1]?.replaceAll('""', '"') ?? (match[2] ?? "").toLowerCase());
    if (match[3] === "") return names;
  }
  return undefined;
}
