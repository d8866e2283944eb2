/** The command line: `omcp [COMMAND] [ARGUMENTS]`. The commands are files of `cli/`. */
import { COMMANDS } from "./cli/command_index.ts";
import { printError } from "./cli/print_error.ts";
import { usageError } from "./cli/usage_error.ts";
import { OmcpError } from "./errors.ts";
import { stopLogging } from "./observability/log.ts";
import { VERSION } from "./version.ts";

const CALL_WIDTH = 34;

async function run(args: readonly string[]): Promise<number> {
  const [name = "serve", ...rest] = args;
  if (name === "--version") {
    print(VERSION);
    return 0;
  }
  if (["help", "--help", "-h"].includes(name)) {
    print(usage());
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    throw new OmcpError("invalid_argument", `Unknown command: ${name}`, {
      next: `Use one of these:\n${usage()}`,
    });
  }
  try {
    return await command.run({ args: rest, read: readVariable, print });
  } catch (error) {
    const calls = command.usage.map(([call]) => `omcp ${call}`);
    throw usageError(error, `Usage: ${calls.join("\n       ")}`);
  }
}

function usage(): string {
  const lines = Object.values(COMMANDS).flatMap((command) => command.usage);
  return [
    `omcp ${VERSION}`,
    "",
    ...[...lines, ["--version", "print the version"] as const].map(([call, does]) =>
      `  omcp ${call.padEnd(CALL_WIDTH)} ${does}`
    ),
    "",
    "Settings are environment variables; the README has the table.",
    "",
  ].join("\n");
}

function readVariable(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotCapable)) throw cause;
    throw new OmcpError("config_invalid", `Cannot read ${name}: the permission is missing`, {
      state: "Nothing was started.",
      next: "Start Deno with --allow-env=DOCKER_HOST,OMCP_*.",
      cause,
    });
  }
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
