/** The command `omcp setup`, in a checkout `deno task setup`: ensures that an engine responds and has both images. */
import { parseArgs } from "node:util";
import { readLogLevel } from "../../app/config.ts";
import { findSettings, type Settings, withOrigins } from "../../app/environment.ts";
import { OmcpError } from "../../errors.ts";
import { imageReference } from "../../images/identity.ts";
import { ownCommand } from "../../lib/own_command.ts";
import { usageError } from "../usage_error.ts";
import { type Progress, stderrProgress } from "../../image_setup/mod.ts";
import { optionsHelp } from "./options_help.ts";
import { removeSetUp } from "./remove.ts";
import { setUp } from "./setup.ts";

const USAGE = `Usage: ${ownCommand("setup")} [--refresh | --print | --remove] [--settings FILE]
${optionsHelp(13)}
  --settings read settings from a file; environment variables take precedence (also: OMCP_ENV_FILE)`;

/** What `omcp setup` needs of its settings. */
type SetUpCall = Pick<Settings, "args" | "read" | "unknown" | "origin">;

/**
 * Runs `omcp setup`.
 *
 * @param settings Its arguments, without those that name a file of settings, and its settings.
 * @param progress Receives a line for each step. @default stderr
 * @returns The process's exit code.
 * @throws {TypeError} Of `parseArgs`, for a wrong call.
 */
export async function runSetUp(
  { args, read, unknown, origin }: SetUpCall,
  progress: Progress = stderrProgress(),
): Promise<number> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      refresh: { type: "boolean" },
      print: { type: "boolean" },
      remove: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (flags.help) {
    write(Deno.stdout, USAGE);
    return 0;
  }
  if (flags.print) {
    write(Deno.stdout, `${imageReference("python")}\n${imageReference("postgres")}`);
    return 0;
  }
  try {
    readLogLevel(read, unknown);
    if (flags.remove) {
      await removeSetUp({ progress, read });
      return 0;
    }
    const { images } = await setUp({ progress, read, refresh: flags.refresh ?? false });
    progress(`ready: ${images.python.reference}, ${images.postgres.reference}`);
    return 0;
  } catch (error) {
    const shown = withOrigins(error, origin);
    if (!(shown instanceof OmcpError)) throw shown;
    report(shown, progress);
    return 1;
  }
}

function report(error: OmcpError, progress: Progress): void {
  for (const line of error.details.log ?? []) progress(`| ${line}`);
  progress(`${error.message}.`);
  for (const sentence of [error.state, error.next]) if (sentence !== undefined) progress(sentence);
}

function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  stream.writeSync(new TextEncoder().encode(`${text}\n`));
}

/** Alone, `--print` needs neither settings nor permissions: people who build the images by hand run it without any. */
function settingsOf(args: readonly string[]): SetUpCall {
  if (args.length === 1 && args[0] === "--print") {
    return { args, read: () => undefined, unknown: [], origin: () => undefined };
  }
  return findSettings(args);
}

if (import.meta.main) {
  try {
    Deno.exit(await runSetUp(settingsOf(Deno.args)));
  } catch (error) {
    if (!(usageError(error, USAGE) instanceof OmcpError)) throw error;
    write(Deno.stderr, USAGE);
    Deno.exit(2);
  }
}
