/**
 * The demo: a real MCP client starts the real server, over stdio, and uses it as an analyst's agent would. Exits 0 only
 * if every step passed. It leaves nothing in the engine, even when a step fails or Ctrl-C stops it.
 *
 *     deno task demo [--data DIR] [--settings FILE]
 */
import { addAbortListener } from "node:events";
import { parseArgs } from "node:util";
import type { ReadVariable } from "../../app/config.ts";
import { connectEngine } from "../../app/connect_engine.ts";
import { findSettings, type Settings, withOrigins } from "../../app/environment.ts";
import type { Engine } from "../../docker/mod.ts";
import { DockerRuntime } from "../../runtime/docker/mod.ts";
import { OmcpError } from "../../errors.ts";
import { ownCommand } from "../../lib/own_command.ts";
import { printError } from "../print_error.ts";
import { usageError } from "../usage_error.ts";
import { connectServer } from "./client.ts";
import { removeLeftovers } from "./leftovers.ts";
import { loadFolder } from "./load_folder.ts";
import { type DemoServer, demoServer } from "./settings.ts";
import { runSteps } from "./steps.ts";
import { Transcript } from "./transcript.ts";

const USAGE = `Usage: ${ownCommand("demo")} [--data DIR] [--settings FILE]
  --data DIR       show a folder of CDM files in place of the sample
  --settings FILE  read settings from a file; environment variables take precedence (also: OMCP_ENV_FILE)`;

const instance = `demo-${crypto.randomUUID()}`;
const call = parsed();
const stopping = new AbortController();
const { signal } = stopping;
/** Suppresses output: steps that fail because the demo was stopped are not worth a line. */
let muted = false;

function write(line: string): void {
  if (muted) return;
  try {
    Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
  } catch {
    // The reader has closed its end, as `head` does; what the demo created must still be removed.
    muted = true;
    stopping.abort(new Error("The demo's output was closed"));
  }
}

function stop(): void {
  if (signal.aborted) return;
  write("\nStopping …");
  muted = true;
  stopping.abort(new Error("The demo was stopped"));
}

interface Call {
  /** The folder of CDM files to show. */
  readonly folder: string | undefined;
  readonly read: ReadVariable;
  readonly server: DemoServer;
}

/** Reads arguments and settings before anything is started; a wrong one ends the process. */
function parsed(): Call {
  let origin: Settings["origin"] = () => undefined;
  try {
    const { args, ...settings } = findSettings(Deno.args);
    ({ origin } = settings);
    const { values } = parseArgs({
      args: [...args],
      options: { data: { type: "string" }, help: { type: "boolean", short: "h" } },
    });
    if (values.help !== true) {
      const own = { OMCP_LOG_LEVEL: "error", OMCP_INSTANCE: instance };
      // The folder becomes a local database later, which needs the same permissions as the sample.
      const shown = values.data === undefined
        ? own
        : { ...own, OMCP_DATABASE_URL: "sample", OMCP_CDM_SCHEMA: "", OMCP_DISCLOSURE: "open" };
      return { folder: values.data, read: settings.read, server: demoServer(settings, shown) };
    }
  } catch (error) {
    const wrong = withOrigins(usageError(error, USAGE), origin);
    if (!(wrong instanceof OmcpError)) throw wrong;
    printError(wrong);
    Deno.exit(1);
  }
  Deno.stdout.writeSync(new TextEncoder().encode(`${USAGE}\n`));
  Deno.exit(0);
}

/** All steps except the last. */
async function show(engine: Engine, { folder, server: { environment, launch } }: Call): Promise<void> {
  let loaded: Readonly<Record<string, string>> = {};
  if (folder !== undefined) {
    const settings = await transcript.step(
      `A CDM of your own: the files of ${folder} become a local database`,
      () =>
        loadFolder({
          runtime: new DockerRuntime(engine),
          instance,
          folder,
          say: (line) => transcript.reply(line),
          signal,
        }),
    );
    if (settings === undefined) return; // Without its own data, the demo would show another database.
    loaded = settings;
  }
  const server = await connectServer({ ...environment, ...loaded }, launch);
  let closing: Promise<void> | undefined;
  function close(): Promise<void> {
    return closing ??= server.close();
  }
  // Then the calls in progress fail, and so do their steps.
  using _listener = addAbortListener(signal, () => void close().catch(() => {}));
  try {
    if (!signal.aborted) await runSteps(server, transcript);
  } finally {
    await close();
  }
}

const transcript = new Transcript(write, Deno.stdout.isTerminal() && Deno.env.get("NO_COLOR") === undefined);
transcript.title("OMCP Python Sandbox: a demonstration");
const { engine } = await connectEngine({ read: call.read, location: call.server.location });
for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, stop);
let failure: unknown;
try {
  await show(engine, call);
} catch (error) {
  failure = error;
}
muted = false;
await transcript.step(
  "Nothing is left: the server has exited, and the engine has no container and no volume of this demo",
  async () => {
    const { containers, volumesFound, volumes } = await removeLeftovers(engine, instance);
    transcript.reply(`containers of this demo: ${containers}`);
    transcript.reply(`volumes of this demo: ${volumes} of ${volumesFound} created`);
    if (containers + volumes > 0) throw new Error("The engine still has objects of this demo");
  },
);
engine.close();
if (signal.aborted) {
  transcript.say("\nThe demo was stopped.");
  Deno.exit(130);
}
if (failure !== undefined) throw failure;
transcript.end();
Deno.exit(transcript.failures === 0 ? 0 : 1);
