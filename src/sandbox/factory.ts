/** Makes one sandbox: a container started, checked from inside, with a kernel. */
import { sandboxBootConfig } from "../agent_protocol/mod.ts";
import type { ByteStream } from "../lib/byte_stream.ts";
import { LOADER_COMMAND } from "../guest/mod.ts";
import {
  type ContainerRuntime,
  labelsOf,
  type Removals,
  requireConfined,
  startWithOwnUid,
} from "../runtime/mod.ts";
import { VERSION } from "../version.ts";
import { StartupWatch } from "./startup_watch.ts";
import { sandboxContainerSpec, type SandboxPolicy } from "./policy.ts";
import { Sandbox } from "./sandbox.ts";

/** Heavy modules that the zygote imports ahead; those an image lacks are skipped. */
const PRELOAD = ["numpy", "pandas", "matplotlib", "matplotlib.pyplot", "psycopg"];
/** How long a failed creation waits for its container's removal, which goes on afterwards. */
const ROLLBACK_MS = 5000;

/** What the user of every sandbox is called; its number differs. */
const USER_NAME = "sandbox";

/** What {@link makeSandbox} needs. */
export interface FactoryOptions {
  readonly runtime: ContainerRuntime;
  readonly removals: Removals;
  /** The server's, for the labels. */
  readonly instance: string;
  readonly image: string;
  readonly policy: SandboxPolicy;
  readonly leaseSeconds: number;
  /** Connects one sandbox to the database; absent where there is none. */
  readonly postgresConnections?: (sandboxId: string) => (stream: ByteStream) => void;
  /** The new sandbox's handle. */
  readonly id: string;
  readonly idleMs: number;
  readonly lifetimeMs: number;
  /** Gives up and rolls back. */
  readonly signal: AbortSignal;
}

/** 128 random bits: nobody guesses another's sandbox. */
export function newSandboxId(): string {
  return `sbx_${crypto.getRandomValues(new Uint8Array(16)).toHex()}`;
}

/**
 * The name of a sandbox's container.
 *
 * @param id The sandbox's handle.
 */
export function containerName(id: string): string {
  return `omcp-${id}`;
}

/**
 * Makes a sandbox.
 *
 * @param options See {@link FactoryOptions}.
 * @returns One whose confinement has been checked.
 * @throws {OmcpError} `sandbox_unsafe`, `kernel_unavailable`, what {@link startAgentContainer} throws. Its container is gone then, or `removals` has it.
 */
export async function makeSandbox(options: FactoryOptions): Promise<Sandbox> {
  const { policy, leaseSeconds, postgresConnections, instance, runtime, removals, image, id, signal } =
    options;
  const watch = new StartupWatch();
  const container = await startWithOwnUid((uid) => ({
    runtime,
    removals,
    name: containerName(id),
    spec: sandboxContainerSpec(policy, {
      image,
      uid,
      labels: labelsOf({ instance, role: "sandbox", name: id, version: VERSION, uid }),
      env: sandboxEnvironment(postgresConnections !== undefined),
      command: LOADER_COMMAND,
    }),
    config: sandboxBootConfig({
      leaseSeconds,
      services: postgresConnections === undefined ? [] : ["postgres"],
      preload: PRELOAD,
    }),
    services: postgresConnections === undefined ? {} : { postgres: postgresConnections(id) },
    onEvent: (event) => watch.add(event),
    signal,
  }));
  try {
    requireConfined(container.name, await watch.confinementProblems(signal, container.ended));
  } catch (error) {
    await container.remove("its creation failed").within(ROLLBACK_MS);
    throw error;
  }
  const { idleMs, lifetimeMs } = options;
  return new Sandbox({ id, container, idleMs, lifetimeMs, kernelStarted: watch.started });
}

function sandboxEnvironment(database: boolean): Record<string, string> {
  return {
    HOME: "/tmp/home",
    // Libraries ask for these before they ask the password file, which may know nothing of a sandbox's user.
    USER: USER_NAME,
    LOGNAME: USER_NAME,
    LANG: "C.UTF-8",
    ...(database ? { PGHOST: "/run/postgresql", PGUSER: "omop", PGDATABASE: "cdm" } : {}),
  };
}
