/** Variables of the environment that look like settings and that nothing reads: most are misspelt settings. */
import { closestNames } from "../lib/closest_names.ts";
import { SETTINGS } from "./config.ts";

const PREFIX = "OMCP_";
const LETTERS = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"];

/** Variables that are not settings of the server: what reads them. */
const OTHERS: Readonly<Record<string, string>> = {
  OMCP_ADMIN_URL: "omcp cdm",
  OMCP_ENV_FILE: "every command",
  OMCP_PROGRAM_FILE: "omcp bundle",
  OMCP_JUNIT: "deno task test",
  OMCP_TEST_DATA: "tests",
  OMCP_TEST_ENGINES: "tests",
  OMCP_TEST_GIBLEED: "tests",
  OMCP_TEST_LOAD: "tests",
  OMCP_TEST_OLD_RUNSC: "tests",
  OMCP_TEST_POSTGRES_IMAGE: "tests",
  OMCP_TEST_PYTHON_IMAGE: "tests",
  OMCP_TEST_RUNSC: "tests",
};

/** Access to the environment. */
export interface Environment {
  /** Whether a variable exists; asked only for names that begin with `OMCP_`. */
  has(name: string): boolean;
  /** All names; undefined if the process may not list them. */
  names(): readonly string[] | undefined;
}

/**
 * Finds the variables named `OMCP_…` that no program of this project reads. If it cannot list the names, it tries names that differ from a known
 * one by a character, or that lack a word or a word's ending: about 30,000 reads in 20 ms.
 *
 * @param environment The environment.
 * @returns A sentence for each, with the setting that was probably meant; never a value.
 */
export function unknownVariables(environment: Environment): string[] {
  const known = [...Object.keys(SETTINGS), ...Object.keys(OTHERS)].filter((name) => name.startsWith(PREFIX));
  const names = environment.names() ??
    [...new Set(known.flatMap(misspellings).filter((name) => environment.has(name)))];
  return names.filter((name) => name.startsWith(PREFIX) && !known.includes(name)).sort().map((name) => {
    const meant = known.find((each) => misspellings(each).includes(name)) ?? closestNames(name, known, 1)[0];
    const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
    return `${name} is not a setting of this program${hint}`;
  });
}

/** The names that differ from a known one in one character (removed, added, replaced or swapped with the next), or that lack a word or the ending. */
function misspellings(name: string): string[] {
  const words = name.slice(PREFIX.length).split("_");
  const found = words.length === 1 ? [] : words.map((_, at) => PREFIX + words.toSpliced(at, 1).join("_"));
  found.push(name.slice(0, -2));
  for (let at = PREFIX.length; at <= name.length; at += 1) {
    const [before, after] = [name.slice(0, at), name.slice(at)];
    found.push(before + after.slice(1), before + after.charAt(1) + after.charAt(0) + after.slice(2));
    for (const letter of LETTERS) found.push(before + letter + after, before + letter + after.slice(1));
  }
  return found;
}
