import { fileURLToPath } from "node:url";
import { DENO_VERSION } from "../version.ts";
import { PACKAGED } from "./packaged.ts";

/**
 * Patterns of the path of a program's main file, with the command that starts it; the first match counts. npx and uvx start what npm or uv has
 * installed, in any folder. A command that pip has installed is in the reader's PATH, and the reader may not have uv.
 */
const STARTED_BY: readonly (readonly [place: RegExp, command: string])[] = [
  [/[\\/]node_modules[\\/]/, "npx -y omcp-python-sandbox"],
  [/[\\/](?:archive-v\d+|uv[\\/]tools)[\\/]/, "uvx omcp-python-sandbox"],
  [/[\\/](?:site-packages|dist-packages)[\\/]/, "omcp-python-sandbox"],
];

/** How this process was started, as far as its commands depend on it. */
export interface ProgramFacts {
  /** Whether it is a program of `deno task package`. */
  readonly packaged: boolean;
  /** Whether it is one of `deno compile`. */
  readonly compiled: boolean;
  /** Path of a packaged program's main file. */
  readonly mainFile: string;
  /** Path of Deno. */
  readonly deno: string;
}

/** The task that serves; the command is `serve`. */
const START = /^start\b/;

/**
 * Names a command of this program as the reader of a message can run it.
 *
 * @param command Its name and arguments, such as `doctor`.
 * @param facts How this process was started. @default this process
 * @returns In a checkout a task of Deno, through npx where that started this process; in a package the package's own command.
 */
export function ownCommand(command: string, facts: ProgramFacts = thisProgram()): string {
  if (isTask(command, facts)) return [...denoCommand(facts), "task", command].join(" ");
  if (!facts.packaged) return `omcp ${command.replace(START, "serve")}`;
  const start = STARTED_BY.find(([place]) => place.test(facts.mainFile))?.[1] ?? "omcp";
  // Without a command, a package serves; in a checkout a task does.
  return command === "start" ? start : `${start} ${command.replace(START, "serve")}`;
}

/**
 * @param facts How this process was started. @default this process
 * @returns The words that start Deno as this process was started: through npx, or as a program of its own.
 */
export function denoCommand({ deno }: ProgramFacts = thisProgram()): readonly string[] {
  return deno.includes("_npx") ? ["npx", "-y", `deno@${DENO_VERSION}`] : ["deno"];
}

/**
 * A sentence's beginning: how and where to run a command of this program.
 *
 * @param command Its name and arguments.
 * @param facts How this process was started. @default this process
 * @returns Such as "Run `deno task setup` in the project's folder".
 */
export function runOwnCommand(command: string, facts: ProgramFacts = thisProgram()): string {
  return `Run \`${ownCommand(command, facts)}\`${isTask(command, facts) ? " in the project's folder" : ""}`;
}

/** Whether a command is one of the checkout's tasks. The compiled program cannot build images. */
function isTask(command: string, { packaged, compiled }: ProgramFacts): boolean {
  return !packaged && (!compiled || command === "setup");
}

function thisProgram(): ProgramFacts {
  const { protocol } = new URL(import.meta.url);
  return {
    packaged: PACKAGED,
    compiled: Deno.build.standalone,
    mainFile: protocol === "file:" ? fileURLToPath(import.meta.url) : "",
    deno: Deno.execPath(),
  };
}
