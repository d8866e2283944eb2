/** Where the settings come from: the process's environment, and below it a file that the user names. */
import { parseEnv } from "node:util";
import { OmcpError } from "../errors.ts";
import { errorMessage } from "../lib/error_message.ts";
import type { ReadVariable } from "./config.ts";
import { ENGINE_VARIABLES } from "./engine_access.ts";
import { ENVIRONMENT_FLAG, isOwnVariable } from "./launch.ts";
import { unknownVariables } from "./unknown_variables.ts";

const OPTION = "--settings";
/** Node and Deno read this option themselves, at any position, and obey what the file sets for them. */
const FOREIGN_OPTION = "--env-file";
const VARIABLE = "OMCP_ENV_FILE";
/** The longest file of settings, in bytes: a larger file is something else. */
const MAX_BYTES = 256 * 1024;

/** The name of a setting, in a text. */
const SETTING = new RegExp(`\\b(?:OMCP_[A-Z0-9_]+|${ENGINE_VARIABLES.join("|")})\\b`, "g");

/** What a command finds. */
export interface Settings {
  /** Looks a variable up: in the environment, then in the file. */
  readonly read: ReadVariable;
  /** A sentence for each variable that looks like a setting and is not one. */
  readonly unknown: readonly string[];
  /** The file; undefined if none is named. */
  readonly file: string | undefined;
  /** Says where a variable is set, such as "the environment"; undefined if it is not. */
  readonly origin: (name: string) => string | undefined;
  /** The arguments without those that name the file. */
  readonly args: readonly string[];
}

/** The environment of a process. */
export interface ProcessEnvironment {
  /** @throws {Deno.errors.NotCapable} Where the process may not read it. */
  get(name: string): string | undefined;
  /** All names; undefined if the process may not list them. */
  names(): readonly string[] | undefined;
}

/** The environment of this process. With `--allow-env=OMCP_*` Deno lets it read each such variable, but not list them. */
export const PROCESS_ENVIRONMENT: ProcessEnvironment = {
  get: (name) => Deno.env.get(name),
  names() {
    try {
      return Object.keys(Deno.env.toObject());
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) return undefined;
      throw error;
    }
  },
};

/**
 * Finds the settings of a call. `--settings PATH` or `--settings=PATH`, anywhere among the arguments, names the file, or OMCP_ENV_FILE does. The
 * program reads the file, never runs it, and shows no part of it in a message.
 *
 * @param args The arguments of the program.
 * @param environment Where variables are.
 * @throws {OmcpError} `invalid_argument`, `config_invalid`.
 */
export function findSettings(args: readonly string[], environment = PROCESS_ENVIRONMENT): Settings {
  const { path, rest } = settingsFile(args, environment);
  const file = path === undefined ? new Map<string, string>() : readFile(path);
  return {
    read: reader(environment, file),
    // The file's names are known, even if those of the environment are not.
    unknown: [
      ...new Set([
        ...unknownVariables({
          has: (name) => variable(environment, name) !== undefined,
          names: () => environment.names(),
        }),
        ...unknownVariables({ has: (name) => file.has(name), names: () => [...file.keys()] }),
      ]),
    ].sort(),
    file: path,
    origin: (name) =>
      variable(environment, name) ? "the environment" : file.has(name) ? `the file ${path}` : undefined,
    args: rest,
  };
}

/**
 * Finds the settings without looking for unknown variables: that search takes longer than everything else.
 *
 * @param path The file of `settingsFile()`.
 * @param environment Where variables are.
 * @throws {OmcpError} `config_invalid` for a file that cannot be read.
 */
export function settingsReader(path: string | undefined, environment = PROCESS_ENVIRONMENT): ReadVariable {
  return reader(environment, path === undefined ? new Map() : readFile(path));
}

/**
 * Finds the file that a call names.
 *
 * @param args The arguments of the program.
 * @param environment Where variables are.
 * @returns Its path, undefined if none is named; the other arguments.
 * @throws {OmcpError} `invalid_argument` for an option without a path; `config_invalid` if a variable cannot be read.
 */
export function settingsFile(
  args: readonly string[],
  environment = PROCESS_ENVIRONMENT,
): { readonly path: string | undefined; readonly rest: readonly string[] } {
  const { path, rest } = withoutOption(args);
  return { path: path ?? (variable(environment, VARIABLE) || undefined), rest };
}

/**
 * Adds to the error of a wrong setting where each setting that it names is set: it may be a forgotten variable.
 *
 * @param error What was thrown.
 * @param origin {@link Settings.origin}.
 * @returns The error; unchanged unless it is `config_invalid`.
 */
export function withOrigins(error: unknown, origin: Settings["origin"]): unknown {
  if (!(error instanceof OmcpError) || error.code !== "config_invalid") return error;
  const places = Map.groupBy(settingsIn(error.message), (name) => origin(name));
  const sentences = [...places].flatMap(([place, names]) =>
    place === undefined ? [] : [`${names.join(", ")}: set in ${place}.`]
  );
  if (sentences.length === 0) return error;
  return error.with({ next: [...sentences, ...(error.next === undefined ? [] : [error.next])].join(" ") });
}

/**
 * The names of settings in a text, each once.
 *
 * @param text Such as an error's message.
 */
export function settingsIn(text: string): ReadonlySet<string> {
  return new Set(text.match(SETTING));
}

function reader(environment: ProcessEnvironment, file: ReadonlyMap<string, string>): ReadVariable {
  return (name) => variable(environment, name) || file.get(name);
}

function variable(environment: ProcessEnvironment, name: string): string | undefined {
  try {
    return environment.get(name);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotCapable)) throw cause;
    // Others, such as HOME, are looked at if that is allowed.
    if (!isOwnVariable(name)) return undefined;
    throw new OmcpError(
      "config_invalid",
      `Cannot read ${name}: Deno's permissions lack ${ENVIRONMENT_FLAG}`,
      {
        state: "Nothing was started.",
        next: `Add ${ENVIRONMENT_FLAG} to the flags before src/main.ts.`,
        cause,
      },
    );
  }
}

function withoutOption(args: readonly string[]): { path: string | undefined; rest: readonly string[] } {
  if (args.some((word) => word === FOREIGN_OPTION || word.startsWith(`${FOREIGN_OPTION}=`))) {
    throw new OmcpError("invalid_argument", `This program does not take ${FOREIGN_OPTION}`, {
      next: `Pass ${OPTION} /path/to/.env, or set ${VARIABLE}.`,
    });
  }
  const at = args.findIndex((word) => word === OPTION || word.startsWith(`${OPTION}=`));
  const word = args[at];
  if (word === undefined) return { path: undefined, rest: args };
  const own = word.startsWith(`${OPTION}=`);
  const path = own ? word.slice(OPTION.length + 1) : args[at + 1];
  if (path === undefined || path === "") {
    throw new OmcpError("invalid_argument", `${OPTION} needs the path of a file`, {
      next: `Pass ${OPTION} /path/to/.env.`,
    });
  }
  return { path, rest: args.toSpliced(at, own ? 1 : 2) };
}

function readFile(path: string): ReadonlyMap<string, string> {
  try {
    const { isFile, size } = Deno.statSync(path);
    if (!isFile || size > MAX_BYTES) throw new Error(`it must be a file of at most ${MAX_BYTES / 1024} KiB`);
    const text = Deno.readTextFileSync(path);
    const parsed = parseEnv(text);
    const wrong = wrongLine(text);
    if (wrong !== undefined) throw new Error(`line ${wrong} is not NAME=value`);
    return new Map(
      Object.entries(parsed).flatMap(([name, value]) => value === undefined ? [] : [[name, value]]),
    );
  } catch (cause) {
    const lacks = cause instanceof Deno.errors.NotCapable;
    throw new OmcpError(
      "config_invalid",
      `Cannot read the settings in ${path}: ${
        lacks ? `Deno's permissions lack --allow-read=${path}` : errorMessage(cause)
      }`,
      {
        state: "Nothing was started.",
        next: lacks
          ? `Add --allow-read=${path} to the flags before src/main.ts, or set the variables in the environment.`
          : `Correct ${OPTION} or ${VARIABLE}.`,
        cause,
      },
    );
  }
}

/** The number of the first line that the parser would pass over. */
function wrongLine(text: string): number | undefined {
  // A quoted value may have several lines: they become empty.
  const bare = text.replace(/=[ \t]*(["'`])[^]*?\1/g, (value) => `=${value.replace(/[^\n]/g, "")}`);
  const at = bare.split(/\r?\n/).findIndex((line) =>
    !/^\s*(?:#.*|(?:export\s+)?[A-Za-z_]\w*\s*=.*)?$/.test(line)
  );
  return at < 0 ? undefined : at + 1;
}
