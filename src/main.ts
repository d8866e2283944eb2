/** The command line: `omcp [COMMAND] [ARGUMENTS]`. The commands are files of `cli/`. */
import { findSettings, withOrigins } from "./app/environment.ts";
import type { Command } from "./cli/command.ts";
import { COMMANDS } from "./cli/command_index.ts";
import { printError } from "./cli/print_error.ts";
import { usageError } from "./cli/usage_error.ts";
import { OmcpError } from "./errors.ts";
import { closestNames } from "./lib/closest_names.ts";
import { ownCommand } from "./lib/own_command.ts";
import { stopLogging } from "./observability/log.ts";
import { VERSION } from "./version.ts";

const CALL_WIDTH = 34;
const HELP = ["help", "--help", "-h"];

async function run(given: readonly string[]): Promise<number> {
  if (given[0] === "--version") {
    print(VERSION);
    return 0;
  }
  if (given[0] !== undefined && HELP.includes(given[0])) {
    print(await usage());
    return 0;
  }
  const asked = given[0] === undefined || given[0].startsWith("-") ? undefined : await commandOf(given[0]);
  if (asked !== undefined && given.some((word) => word === "--help" || word === "-h")) {
    print(commandHelp(asked));
    return 0;
  }
  const { args, ...settings } = findSettings(given);
  // Without a name, the options are those of the default command.
  const [name = "serve", ...rest] = args[0]?.startsWith("-") ? ["serve", ...args] : args;
  const command = await commandOf(name);
  try {
    return await command.run({ args: rest, ...settings, print });
  } catch (error) {
    throw withOrigins(usageError(error, `Usage: ${calls(command).join("\n       ")}`), settings.origin);
  }
}

async function commandOf(name: string): Promise<Command> {
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load !== undefined) return await load();
  const [meant] = closestNames(name, Object.keys(COMMANDS), 1);
  throw new OmcpError("invalid_argument", `Unknown command: ${name}`, {
    state: "Nothing was done.",
    next: `${
      meant === undefined ? "" : `Did you mean \`${ownCommand(meant === "serve" ? "start" : meant)}\`? `
    }Use one of these:\n${await usage()}`,
  });
}

function calls(command: Command): string[] {
  return command.usage.map(([call]) => `omcp ${call}`);
}

function commandHelp(command: Command): string {
  return [
    ...calls(command),
    "",
    command.help.trimEnd(),
    "",
    "  --settings PATH                  read settings from a file; environment variables take precedence (also: OMCP_ENV_FILE)",
    "  --help                           print this",
    "",
    `Settings are environment variables: omcp serve --help and docs/settings.md list them. ${ownName()}`,
  ].join("\n");
}

async function usage(): Promise<string> {
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()));
  const lines = commands.flatMap((command) => command.usage);
  const further = [
    ["COMMAND --help", "explain a command"],
    ["--version", "print the version"],
  ] as const;
  return [
    `omcp ${VERSION}`,
    "",
    ...[...lines, ...further].map(([call, does]) => `  omcp ${call.padEnd(CALL_WIDTH)} ${does}`),
    "",
    "Settings are environment variables, or lines of the file that --settings PATH names: omcp serve --help and docs/settings.md list them.",
    ownName(),
    "",
  ].join("\n");
}

/** The lines above are the same for all readers; this is the reader's own command. */
function ownName(): string {
  return `Here, omcp is \`${ownCommand("…")}\`.`;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  let code = 1;
  try {
    code = await run(Deno.args);
  } catch (error) {
    printError(error);
  }
  await stopLogging();
  // Open handles, such as a client that keeps stdin open, must not keep an ended server alive.
  Deno.exit(code);
}
