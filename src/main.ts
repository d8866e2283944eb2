/**
 * The command line.
 *
 *     omcp [serve]                              MCP over stdio
 *     omcp doctor                               looks whether all is as it must be
 *     omcp cdm load DIR --into local:NAME       a folder of CDM files becomes a local CDM
 *     omcp cdm sample --persons N --seed S      a synthetic CDM
 *     omcp cdm list | remove local:NAME         the local CDMs
 */
import { runCdmCommand } from "./cli/cdm.ts";
import { readConfig } from "./app/config.ts";
import { doctor } from "./cli/doctor.ts";
import { OmcpError } from "./errors.ts";
import { startLogging, stopLogging } from "./observability/log.ts";
import { serve } from "./cli/serve.ts";
import { VERSION } from "./version.ts";

const USAGE = `omcp ${VERSION}

  omcp [serve]                            serve MCP over stdio
  omcp doctor                             check the engine, the images, a sandbox from inside, the database role
  omcp cdm load DIR [options]             load a folder of OMOP CDM files
  omcp cdm sample [options]               load a synthetic CDM
  omcp cdm list                           list local CDMs and who uses them
  omcp cdm remove local:NAME              remove one
  omcp --version

Settings are environment variables; the README has the table.
`;

async function run(args: readonly string[]): Promise<number> {
  const [command = "serve", ...rest] = args;
  switch (command) {
    case "serve": {
      const config = readConfig(readVariable);
      await startLogging(config.logLevel);
      return await serve(config);
    }
    case "doctor":
      return await doctor(readConfig(readVariable), print);
    case "cdm":
      return await runCdmCommand(rest, readVariable, print);
    case "--version":
      print(VERSION);
      return 0;
    case "help":
    case "--help":
    case "-h":
      print(USAGE);
      return 0;
    default:
      throw new OmcpError("invalid_argument", `There is no command ${command}`, {
        next: `One of:\n${USAGE}`,
      });
  }
}

function readVariable(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotCapable)) throw cause;
    throw new OmcpError("config_invalid", `The permission to read ${name} is missing`, {
      state: "Nothing was started.",
      next: "Start Deno with --allow-env=DOCKER_HOST,OMCP_*.",
      cause,
    });
  }
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** A failed start in plain words on stderr: stdout may be a protocol's. */
function complain(error: unknown): void {
  const lines = error instanceof OmcpError
    ? [`${error.code}: ${error.message}`, error.state, error.next]
    : [`internal: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`];
  const text = lines.filter((line) => line !== undefined).join("\n");
  Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`));
}

if (import.meta.main) {
  let code = 1;
  try {
    code = await run(Deno.args);
  } catch (error) {
    complain(error);
  }
  await stopLogging();
  // Open handles, such as a client that keeps stdin open, must not keep an ended server alive.
  Deno.exit(code);
}
