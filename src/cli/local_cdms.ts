/** `omcp cdm list` and `omcp cdm remove`. */
import type { ReadVariable } from "../app/config.ts";
import { localName } from "../cdm/local_name.ts";
import { cdmLines, listLocalCdms, removeLocalCdm } from "../cdm/local_store.ts";
import { connectEngine } from "../app/connect_engine.ts";
import { DockerRuntime } from "../runtime/docker/mod.ts";
import type { ContainerPlatform } from "../runtime/mod.ts";
import { wrongCall } from "./cdm_usage.ts";
import type { Print } from "./command.ts";

/** What {@link manage} works with. */
export interface Management {
  /** The arguments after the command. */
  readonly args: readonly string[];
  /** The options given, with their dashes. */
  readonly options: readonly string[];
  readonly print: Print;
  readonly read: ReadVariable;
}

/**
 * Lists or removes local CDMs.
 *
 * @param command Which of the two.
 * @param management The rest of the call.
 * @throws {OmcpError} `invalid_argument` for a wrong call; else the engine's error.
 */
export async function manage(command: "list" | "remove", management: Management): Promise<void> {
  const { args, options, print, read } = management;
  if (options.length > 0) throw wrongCall(`cdm ${command} does not take ${options.join(", ")}`);
  const expected = command === "list" ? 0 : 1;
  if (args.length > expected) throw wrongCall(`Too many arguments: ${args.slice(expected).join(" ")}`);
  if (command === "list") {
    await withRuntime(
      read,
      async (runtime) => cdmLines(await listLocalCdms(runtime)).forEach((line) => print(line)),
    );
    return;
  }
  const name = localName(args[0] ?? "");
  if (name === undefined) throw wrongCall("cdm remove takes local:NAME, with a NAME of a-z, 0-9, _ and -");
  await withRuntime(read, async (runtime) => await removeLocalCdm(runtime, name));
  print(`Removed local:${name}`);
}

/**
 * Runs work with the container runtime that the environment names.
 *
 * @param read Looks up an environment variable.
 * @param work Receives the runtime, whose connection is closed afterwards.
 */
export async function withRuntime<T>(
  read: ReadVariable,
  work: (runtime: ContainerPlatform) => Promise<T>,
): Promise<T> {
  const { engine, info } = await connectEngine({ read });
  try {
    return await work(new DockerRuntime(engine, info));
  } finally {
    engine.close();
  }
}
