/** Settings for `omcp doctor`, which checks what it can although some are wrong. */
import { OmcpError } from "../errors.ts";
import { type Config, readConfig, type ReadVariable } from "./config.ts";
import { settingsIn } from "./environment.ts";

/**
 * Reads the settings, with the defaults in place of wrong ones, so that one wrong setting does not hide another.
 *
 * @param read Looks up a setting.
 * @param unknown Sentences on variables that are not settings.
 * @returns The configuration; why a server would not start with the settings, if it would not.
 * @throws {OmcpError} `config_invalid` if defaults do not help.
 */
export function usableConfig(
  read: ReadVariable,
  unknown: readonly string[],
): { readonly config: Config; readonly problem?: OmcpError } {
  try {
    return { config: readConfig(read, unknown) };
  } catch (problem) {
    if (!(problem instanceof OmcpError)) throw problem;
    const { config, replaced } = withDefaults(read);
    const names = replaced.length === 0
      ? "all settings as they are"
      : `${replaced.length === 1 ? "the default" : "the defaults"} of ${replaced.join(", ")}`;
    return { config, problem: problem.with({ state: `The checks below use ${names}.` }) };
  }
}

/** A default can make another setting wrong that needed the replaced value: so this repeats until nothing is wrong. */
function withDefaults(read: ReadVariable): { readonly config: Config; readonly replaced: readonly string[] } {
  const replaced = new Set<string>();
  while (true) {
    try {
      return {
        config: readConfig((name) => replaced.has(name) ? undefined : read(name)),
        replaced: [...replaced],
      };
    } catch (error) {
      const named = error instanceof OmcpError
        ? settingsIn(error.message).difference(replaced)
        : new Set<string>();
      if (named.size === 0) throw error;
      for (const name of named) replaced.add(name);
    }
  }
}
