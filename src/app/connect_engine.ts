import { OmcpError } from "../errors.ts";
import { DEFAULT_HOST } from "../lib/engine_address.ts";
import { runOwnCommand } from "../lib/own_command.ts";
import type { ReadVariable } from "./config.ts";
import { type EngineLocation, engineLocation } from "./engine_access.ts";
import { connectUsable, type UsableEngine, usableHosts } from "./usable_engine.ts";

/** How an engine is connected to. */
export interface ConnectEngineOptions {
  /** Looks up an environment variable: `DOCKER_HOST`, and where other sockets may be. */
  readonly read: ReadVariable;
  /** Where it is. @default as `DOCKER_HOST` and its companions say, else the usual socket */
  readonly location?: EngineLocation;
  /** Gives up. */
  readonly signal?: AbortSignal;
}

/**
 * Connects to the engine, and refuses one that cannot confine sandboxes.
 *
 * @param options See {@link ConnectEngineOptions}.
 * @returns The engine, which the caller closes, and what it reports about itself.
 * @throws {OmcpError} `engine_unreachable`, `engine_refused`, `timeout`, `engine_failed`…; `next` says what to do about it.
 */
export async function connectEngine(
  { read, signal, location = engineLocation(read) }: ConnectEngineOptions,
): Promise<UsableEngine> {
  try {
    return await connectUsable({ ...location, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    if (!(error instanceof OmcpError)) throw error;
    if (location.certificates !== undefined) throw error;
    const socket = location.host.replace("unix://", "");
    if (error.code === "engine_unreachable") {
      throw error.with({ next: unreachableHelp(socket, await whyNot(socket), await usableHosts(read)) });
    }
    if (error.code === "timeout") {
      throw error.with({
        next:
          `The engine at ${socket} accepts connections and does not answer: restart it (on Linux \`sudo systemctl restart docker\`), then try again.`,
      });
    }
    throw error;
  }
}

/**
 * What to do about an engine that cannot be reached.
 *
 * @param socket The path of its socket.
 * @param why What a connection to it fails with.
 * @param hosts Addresses of other engines that can be used.
 */
export function unreachableHelp(socket: string, why: unknown, hosts: readonly string[]): string {
  if (why instanceof Deno.errors.PermissionDenied) {
    return `This user may not use ${socket}. Run \`sudo usermod -aG docker "$USER"\` and log in again; members of that group are as powerful as root on that machine.`;
  }
  const others = hosts.filter((host) => host !== `unix://${socket}`).map((host) => `DOCKER_HOST=${host}`);
  const elsewhere = others.length === 0
    ? ""
    : `There is another engine: set ${
      others.join(" or ")
    } (the permission flags must name the same path). Or `;
  const start = why instanceof Deno.errors.ConnectionRefused
    ? `start the engine that ${socket} belongs to`
    : `start an engine whose socket is ${socket}`;
  const name = `unix://${socket}` === DEFAULT_HOST ? "" : ", or correct DOCKER_HOST";
  const fix = `${start}${name}. ${runOwnCommand("setup")}: it installs and starts what is missing.`;
  return elsewhere === "" ? fix.replace(/^s/, "S") : elsewhere + fix;
}

/** The system's own error: an HTTP client's has no kind. */
async function whyNot(path: string): Promise<unknown> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return undefined;
  } catch (error) {
    return error;
  }
}
