import { Engine } from "../docker/mod.ts";
import { OmcpError } from "../errors.ts";
import { runOwnCommand } from "../lib/own_command.ts";

/** The command that installs and builds what is missing. */
const SETUP = `${runOwnCommand("setup")}; it installs, starts and builds what is missing.`;

/**
 * Connects to the engine.
 *
 * @param host Its socket, as in `DOCKER_HOST`.
 * @param signal Gives up.
 * @throws {OmcpError} `engine_unreachable`, `engine_failed`; `next` has the command that installs and starts an engine.
 */
export async function connectEngine(host: string, signal?: AbortSignal): Promise<Engine> {
  try {
    return await Engine.connect({ host, ...(signal === undefined ? {} : { signal }) });
  } catch (cause) {
    throw cause instanceof OmcpError ? cause.with({ next: SETUP }) : cause;
  }
}
