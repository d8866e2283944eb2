/**
 * The demo: a real MCP client starts the real server, over stdio, and uses it as an analyst's agent would. Exits 0 only
 * if every step passed. It leaves nothing in the engine, even when a step fails or Ctrl-C stops it.
 *
 *     deno task demo [--data DIR]
 */
import { addAbortListener } from "node:events";
import { parseArgs } from "node:util";
import { connectEngine } from "../../app/connect_engine.ts";
import type { Engine } from "../../docker/mod.ts";
import { DockerRuntime } from "../../runtime/docker/mod.ts";
import { OmcpError } from "../../errors.ts";
import { usageError } from "../usage_error.ts";
import { connectServer } from "./client.ts";
import { removeLeftovers } from "./leftovers.ts";
import { loadFolder } from "./load_folder.ts";
import { runSteps } from "./steps.ts";
import { Transcript } from "./transcript.ts";

const USAGE = "Usage: deno task demo [--data DIR]";

const values = parsed();
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

function parsed(): { data?: string } {
  try {
    const { help, ...given } = parseArgs({
      args: Deno.args,
      options: { data: { type: "string" }, help: { type: "boolean", short: "h" } },
    })
      .values;
    if (help !== true) return given;
  } catch (error) {
    const wrong = usageError(error, USAGE);
    if (!(wrong instanceof OmcpError)) throw wrong;
    Deno.stderr.writeSync(new TextEncoder().encode(`${wrong.message}\n${wrong.next}\n`));
    Deno.exit(1);
  }
  Deno.stdout.writeSync(
    new TextEncoder().encode(`${USAGE}\n  --data DIR  shows a folder of CDM files in place of the sample\n`),
  );
  Deno.exit(0);
}

/** All steps except the last. */
async function show(engine: Engine, instance: string): Promise<void> {
  const environment: Record<string, string> = { OMCP_LOG_LEVEL: "error", OMCP_INSTANCE: instance };
  const folder = values.data;
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
    Object.assign(environment, settings);
  }
  const server = await connectServer(environment);
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
const read = (name: string): string | undefined => Deno.env.get(name);
const engine = await connectEngine({ read });
const instance = `demo-${crypto.randomUUID()}`;
for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, stop);
let failure: unknown;
try {
  await show(engine, instance);
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
