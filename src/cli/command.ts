/** A command of `omcp`: a file of this folder that exports `command`. */
import type { ReadVariable } from "../app/config.ts";

/** Writes a line for the user. */
export type Print = (line: string) => void;

/** What a command works with. */
export interface CommandContext {
  /** The arguments after the command's name. */
  readonly args: readonly string[];
  /** Looks up an environment variable. */
  readonly read: ReadVariable;
  /** Writes a line to stdout. */
  readonly print: Print;
}

/** A command; its name is its file's. */
export interface Command {
  /** Lines of `omcp --help`: a call without the program's name, and what it does. */
  readonly usage: readonly (readonly [call: string, does: string])[];
  /**
   * @returns The process's exit code.
   * @throws {OmcpError} `invalid_argument` for a wrong call; else the error that stopped it.
   */
  run(context: CommandContext): Promise<number>;
}
