/** A command of `omcp`: a file of this folder that exports `command`. */
import type { ReadVariable } from "../app/config.ts";
import type { Settings } from "../app/environment.ts";

/** Writes a line for the user. */
export type Print = (line: string) => void;

/** What a command works with. */
export interface CommandContext {
  /** The arguments after the command's name. */
  readonly args: readonly string[];
  /** Looks up a setting. */
  readonly read: ReadVariable;
  /** A sentence for each variable that looks like a setting and is not one: each is a problem. */
  readonly unknown: readonly string[];
  /** Says where a setting is set. */
  readonly origin: Settings["origin"];
  /** Writes a line to stdout. */
  readonly print: Print;
}

/** A command; its name is its file's. */
export interface Command {
  /** Lines of `omcp --help`: a call without the program's name, and what it does. */
  readonly usage: readonly (readonly [call: string, does: string])[];
  /** What `--help` of the command prints after these lines. */
  readonly help: string;
  /**
   * @returns The process's exit code.
   * @throws {OmcpError} `invalid_argument` for a wrong call; else the error that stopped it.
   */
  run(context: CommandContext): Promise<number>;
}
