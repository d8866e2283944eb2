import { setTimeout as delay } from "node:timers/promises";
import type { Engine } from "../../docker/mod.ts";
import { DEFAULT_HOST } from "../../lib/engine_address.ts";
import { engineLocation } from "../../app/engine_access.ts";
import { connectUsable, type UsableEngine, usableHosts } from "../../app/usable_engine.ts";
import { OmcpError } from "../../errors.ts";
import { runCommand } from "./command.ts";
import { daemonIsInstalled, daemonRuns, LOG_FILE, startDaemon } from "./daemon.ts";
import type { HostFacts } from "./distribution.ts";
import { describe, hostFacts, installPackages } from "./distribution.ts";
import type { Progress } from "../../image_setup/mod.ts";

/** Options of {@link ensureEngine}. */
export interface EnsureEngineOptions {
  readonly progress: Progress;
  /** Looks up an environment variable: `DOCKER_HOST`, `XDG_RUNTIME_DIR`, `HOME`. */
  readonly read: (name: string) => string | undefined;
  readonly signal?: AbortSignal;
}

/** How long a running engine may take to respond, in milliseconds. */
const RESPONSE_MS = 3_000;
/** How long an engine may take that was just started or whose machine is busy, in milliseconds. */
const START_MS = 60_000;
/** After these errors another engine would not help, or is not wanted. */
const NO_ENGINE_NEEDED: ReadonlySet<string> = new Set(["config_invalid", "engine_refused", "cancelled"]);
/** Milliseconds between two attempts. */
const POLL_MS = 200;

/**
 * Ensures that a container engine responds: the one that `DOCKER_HOST` names, or one at the usual socket. If none does, and this is
 * root on Debian or a derivative, it installs and starts the distribution's engine.
 *
 * @param options Where to look, progress.
 * @returns The engine, which the caller closes.
 * @throws {OmcpError} `engine_unreachable`, with what is missing and what to do; `engine_refused` for an engine that cannot be used.
 */
export async function ensureEngine(options: EnsureEngineOptions): Promise<Engine> {
  const named = options.read("DOCKER_HOST");
  const location = engineLocation(options.read);
  const call = { deadlineMs: RESPONSE_MS, ...(options.signal ? { signal: options.signal } : {}) };
  try {
    return (await connectUsable({ ...location, ...call })).engine;
  } catch (error) {
    if (!(error instanceof OmcpError) || NO_ENGINE_NEEDED.has(error.code)) throw error;
    if (named) {
      throw unreachable(
        error,
        `Start the engine that DOCKER_HOST names (${named}), or unset DOCKER_HOST.`,
      );
    }
    const facts = await hostFacts();
    if (/permission denied/i.test(error.message)) throw unreachable(error, joinGroup(location.host));
    const [elsewhere] = await usableHosts(options.read);
    if (elsewhere !== undefined) {
      throw unreachable(
        error,
        `An engine responds at ${elsewhere}: set DOCKER_HOST=${elsewhere} for the set-up and for the server.`,
      );
    }
    if (!facts.debianLike || !facts.root) throw unreachable(error, byHand(facts));
    options.progress("no container engine responds");
    return await installEngine(facts, options);
  }
}

async function installEngine(host: HostFacts, options: EnsureEngineOptions): Promise<Engine> {
  if (!(await daemonIsInstalled())) await installPackages(["docker.io", "iptables"], options);
  if (host.systemd) {
    options.progress("starting the engine with systemd");
    await runCommand(["systemctl", "start", "docker"], { deadlineMs: START_MS });
    return await awaitEngine(options, () => Promise.resolve(undefined));
  }
  // The package's own scripts, or another program, may have started one that does not respond yet.
  if (await daemonRuns()) {
    options.progress("a daemon is starting; waiting for it");
    return await awaitEngine(options, async function failure() {
      return await daemonRuns() ? undefined : "Run the set-up again, and it will start the engine itself.";
    });
  }
  const daemon = await startDaemon(options.progress);
  return await awaitEngine(options, () => daemon.failure());
}

/** Waits until the engine responds, or until `failure` reports that it cannot. */
async function awaitEngine(
  options: EnsureEngineOptions,
  failure: () => Promise<string | undefined>,
): Promise<Engine> {
  const end = performance.now() + START_MS;
  while (performance.now() < end) {
    options.signal?.throwIfAborted();
    const found = await tryEngine();
    if (found) {
      const { engine, info } = found;
      options.progress(
        `engine ${info.serverVersion} responds (storage ${info.storageDriver}, cgroup v${info.cgroupVersion})`,
      );
      return engine;
    }
    const why = await failure();
    if (why !== undefined) {
      throw new OmcpError("engine_unreachable", "Cannot start the container engine: it exited at once", {
        next: why,
      });
    }
    await delay(POLL_MS);
  }
  throw new OmcpError(
    "engine_unreachable",
    `Cannot start the container engine: no response within ${START_MS / 1000} s`,
    {
      next: `Read its log: ${LOG_FILE}, or \`journalctl -u docker\` where systemd runs.`,
    },
  );
}

/** Undefined while it does not answer. */
async function tryEngine(): Promise<UsableEngine | undefined> {
  try {
    return await connectUsable({ deadlineMs: RESPONSE_MS });
  } catch (error) {
    // To wait longer would not help.
    if (error instanceof OmcpError && error.code === "engine_refused") throw error;
    return undefined;
  }
}

function unreachable(cause: OmcpError, next: string): OmcpError {
  return new OmcpError("engine_unreachable", cause.message, {
    state: "Nothing was installed or changed.",
    next,
    cause,
  });
}

function joinGroup(host: string): string {
  return `An engine exists, but this user may not use ${host}: run \`sudo usermod -aG docker "$USER"\`, log in again, and run the set-up again.`;
}

/** What to do on a host where set-up installs nothing. */
function byHand(host: HostFacts): string {
  const missing =
    `Set-up needs a Docker Engine (20.10 or newer) whose socket is at ${
      DEFAULT_HOST.slice("unix://".length)
    } or named by DOCKER_HOST; ` +
    `none responds, and on ${describe(host)} set-up does not install one.`;
  if (host.debianLike) {
    return `${missing} Run \`sudo apt-get install docker.io\` and \`sudo usermod -aG docker "$USER"\`, log in again, and run the set-up again.`;
  }
  if (Deno.build.os === "darwin") {
    return `${missing} Install and start Docker Desktop or Colima, then run the set-up again.`;
  }
  if (Deno.build.os === "windows") {
    return `${missing} Run this program inside WSL 2, with Docker Desktop's integration or an engine of its own.`;
  }
  return `${missing} Install Docker with the distribution's package manager, start it, and run the set-up again.`;
}
