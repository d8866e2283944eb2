/** Starts and verifies one sandbox's container: an agent, which starts a kernel. */
import { sandboxBootConfig } from "../agent_protocol/mod.ts";
import type { OmcpError } from "../errors.ts";
import { LOADER_COMMAND } from "../guest/mod.ts";
import type { ByteStream } from "../lib/byte_stream.ts";
import type { Clock } from "../lib/clock.ts";
import {
  type AgentContainer,
  type ContainerRuntime,
  type ContainerSpec,
  labelsOf,
  type Removals,
  requireConfined,
} from "../runtime/mod.ts";
import { VERSION } from "../version.ts";
import { imageProblem } from "./image_problem.ts";
import { startWithOwnUid } from "./own_uid.ts";
import { sandboxContainerSpec, type SandboxPolicy } from "./policy.ts";
import { StartupWatch } from "./startup_watch.ts";

/** Slow modules that the zygote imports ahead; it skips those that an image lacks. */
const PRELOAD = ["numpy", "pandas", "matplotlib", "matplotlib.pyplot", "psycopg"];
/** How long a failed creation waits for its container's removal, which continues afterwards. */
const ROLLBACK_MS = 5000;
/** The user name in every sandbox; the user id differs. */
const USER_NAME = "sandbox";

/** What all sandboxes of a server have in common. */
export interface SandboxSettings {
  /** Where their containers run. */
  readonly runtime: ContainerRuntime;
  /** The server's instance, for the labels. */
  readonly instance: string;
  /** The image's name or id. */
  readonly image: string;
  /** What each may use. */
  readonly policy: SandboxPolicy;
  /** Age at which each expires, ms. */
  readonly lifetimeMs: number;
  /** How long an agent outlives a silent server. */
  readonly leaseSeconds: number;
  /**
   * Returns, for one sandbox and its memory limit, the function that serves each stream that the sandbox opens to Postgres. Absent
   * where there is no database.
   */
  readonly postgresConnections?: (sandboxId: string, memoryBytes: number) => (stream: ByteStream) => void;
  /** Returns, for one sandbox, the function that serves each stream by which its code calls a tool. Absent where code can call none. */
  readonly codeCalls?: (sandboxId: string) => (stream: ByteStream) => void;
  /** Whether packages can be installed; a cell that tries to install one by itself gets advice that depends on this. @default false */
  readonly packages?: boolean;
  /** Where it reads the time. @default the process's own */
  readonly clock?: Clock;
}

/** What {@link startSandbox} needs. */
export interface SandboxStart extends SandboxSettings {
  /** Removes its container. */
  readonly removals: Removals;
  /** Its handle. */
  readonly id: string;
  /** The image as its caller or the operator calls it, for messages. */
  readonly imageName: string;
  /** Cancels the start. */
  readonly signal: AbortSignal;
}

/** A started and verified sandbox without a user: {@link Sandbox} makes it one, whose lifetime begins then. */
export interface StartedSandbox {
  /** Its handle. */
  readonly id: string;
  readonly container: AgentContainer;
  /** Its memory limit, bytes. */
  readonly memoryBytes: number;
  /** Resolves when the first kernel is ready, or when it cannot start. */
  readonly kernelStarted: Promise<void>;
  /** Why it cannot be used, by what its agent has reported since the start; undefined where it can be. */
  readonly problem: () => OmcpError | undefined;
}

/** A handle of 128 random bits, which nobody can guess. */
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
 * Starts a sandbox.
 *
 * @param start See {@link SandboxStart}.
 * @returns A sandbox whose confinement is verified, the container's by `runtime`, the kernel's here.
 * @throws {OmcpError} `sandbox_unsafe`, `kernel_unavailable`, and what `startAgentContainer` throws. Then its container is removed, or
 * `removals` goes on trying.
 */
export async function startSandbox(start: SandboxStart): Promise<StartedSandbox> {
  try {
    return await startOnce(start);
  } catch (error) {
    throw imageProblem(error, start.imageName);
  }
}

async function startOnce(start: SandboxStart): Promise<StartedSandbox> {
  const { id, runtime, removals, policy, leaseSeconds, signal } = start;
  const services = servicesOf(start);
  const watch = new StartupWatch();
  const container = await startWithOwnUid((uid) => ({
    runtime,
    removals,
    name: containerName(id),
    spec: containerSpec(start, uid),
    config: sandboxBootConfig({
      leaseSeconds,
      services: Object.keys(services),
      preload: PRELOAD,
    }),
    services,
    onEvent: (event) => watch.add(event),
    signal,
  }));
  try {
    requireConfined(container.name, await watch.confinementProblems(signal, container.ended));
  } catch (error) {
    await container.remove("its creation failed").within(ROLLBACK_MS);
    throw error;
  }
  const { memoryBytes } = policy;
  return { id, container, memoryBytes, kernelStarted: watch.started, problem: () => watch.problem };
}

/** What the sandbox may open streams to. */
function servicesOf(
  { id, policy, postgresConnections, codeCalls }: SandboxStart,
): Record<string, (stream: ByteStream) => void> {
  return {
    ...(postgresConnections === undefined ? {} : { postgres: postgresConnections(id, policy.memoryBytes) }),
    ...(codeCalls === undefined ? {} : { tools: codeCalls(id) }),
  };
}

function containerSpec(start: SandboxStart, uid: number): ContainerSpec {
  const { id, instance, image, policy, postgresConnections, packages = false } = start;
  return sandboxContainerSpec(policy, {
    image,
    uid,
    labels: labelsOf({ instance, role: "sandbox", name: id, version: VERSION, uid }),
    env: environment({ database: postgresConnections !== undefined, packages }),
    command: LOADER_COMMAND,
  });
}

function environment(
  { database, packages }: { database: boolean; packages: boolean },
): Record<string, string> {
  return {
    HOME: "/tmp/home",
    // Libraries read these before the password file, which may lack the sandbox's user.
    USER: USER_NAME,
    LOGNAME: USER_NAME,
    LANG: "C.UTF-8",
    // The kernel's advice on missing modules depends on it.
    ...(packages ? { SANDBOX_PACKAGES: "install_package" } : {}),
    ...(database ? { PGHOST: "/run/postgresql", PGUSER: "omop", PGDATABASE: "cdm" } : {}),
  };
}
