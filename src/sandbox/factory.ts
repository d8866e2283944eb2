/** Starts and verifies one sandbox's container: an agent, which starts a kernel; or takes over one that runs. */
import * as z from "zod";
import { type BootModules, sandboxBootConfig } from "../agent_protocol/mod.ts";
import { REQUESTS } from "../agent_protocol/messages/mod.ts";
import { OmcpError } from "../errors.ts";
import { LOADER_COMMAND } from "../guest/mod.ts";
import type { ByteStream } from "../lib/byte_stream.ts";
import type { Clock } from "../lib/clock.ts";
import { parsedJson } from "../lib/parsed_json.ts";
import {
  adoptAgentContainer,
  type AgentContainer,
  type ContainerRuntime,
  type ContainerSpec,
  type ContainerSummary,
  LABEL_INSTANCE,
  LABEL_NAME,
  LABEL_REQUEST,
  LABEL_UID,
  labelsOf,
  type Removals,
  requireConfined,
} from "../runtime/mod.ts";
import { VERSION } from "../version.ts";
import { imageProblem } from "./image_problem.ts";
import { containerName } from "./ownership.ts";
import { SANDBOX_UIDS, startWithOwnUid } from "./own_uid.ts";
import { sandboxContainerSpec, type SandboxPolicy } from "./policy.ts";
import { preload } from "./preloads.ts";
import type { AskedResources } from "./sandbox_info.ts";
import { StartupWatch } from "./startup_watch.ts";

/** Slow modules that the zygote imports ahead; it skips those that an image lacks. */
const PRELOAD = ["numpy", "pandas", "matplotlib", "matplotlib.pyplot"];
/** Besides, in a sandbox that reaches a database: in others they would only take memory. */
const DATABASE_PRELOAD = ["psycopg"];
/** How long a failed creation waits for its container's removal, which continues afterwards. */
const ROLLBACK_MS = 5000;
/** How long the agent of a running sandbox may take to list its executions. */
const JOURNAL_MS = 5000;
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
   * if there is no database.
   */
  readonly postgresConnections?: (sandboxId: string, memoryBytes: number) => (stream: ByteStream) => void;
  /**
   * What its code may read, as a text to compare: a sandbox of an earlier server with another text is not taken over, because it may hold what its
   * code could read then. @default none
   */
  readonly readable?: string;
  /** Returns, for one sandbox, the function that serves each stream by which its code calls a tool. Absent where code can call none. */
  readonly codeCalls?: (sandboxId: string) => (stream: ByteStream) => void;
  /** Whether packages can be installed; a cell that tries to install one by itself gets advice that depends on this. @default false */
  readonly packages?: boolean;
  /** Where it reads the time. @default the process's own */
  readonly clock?: Clock;
}

/** What {@link startSandbox} and {@link adoptSandbox} need. */
export interface SandboxStart extends SandboxSettings {
  /** Removes its container. */
  readonly removals: Removals;
  /** Its handle. */
  readonly id: string;
  /** What its creator asked for. @default nothing */
  readonly asked?: AskedResources;
  /** The image as its caller or the operator calls it, for messages. */
  readonly imageName: string;
  /** The guest's modules. @default all of them, as sources */
  readonly modules?: BootModules;
  /** Cancels the start. */
  readonly signal: AbortSignal;
}

const requestSchema = z.strictObject({
  image: z.string().max(512),
  readable: z.string().max(128).exactOptional(),
  ociRuntime: z.string().max(128).exactOptional(),
  asked: z.strictObject({
    memoryBytes: z.int().positive().exactOptional(),
    cpus: z.number().positive().exactOptional(),
    image: z.string().max(512).exactOptional(),
    workspaceBytes: z.int().positive().exactOptional(),
  }),
});

const labelsSchema = z.object({
  [LABEL_REQUEST]: z.string().transform(parsedJson).pipe(requestSchema),
  [LABEL_UID]: z.string().regex(/^\d{5}$/).transform(Number).pipe(
    z.int().min(SANDBOX_UIDS.first).max(SANDBOX_UIDS.last),
  ),
  [LABEL_NAME]: z.string(),
  [LABEL_INSTANCE]: z.string(),
});

/** What a sandbox's container was created from, by its labels: the engine keeps them, and nothing changes them. */
export interface SandboxOrigin extends z.output<typeof requestSchema> {
  readonly id: string;
  readonly uid: number;
}

/**
 * Reads what a container was created from.
 *
 * @param labels The container's.
 * @returns Undefined for labels that {@link startSandbox} does not write.
 */
export function readOrigin(labels: ContainerSummary["labels"]): SandboxOrigin | undefined {
  const { data } = labelsSchema.safeParse(labels);
  return data && { ...data[LABEL_REQUEST], id: data[LABEL_NAME], uid: data[LABEL_UID] };
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
  /** Why it cannot be used, by what its agent has reported since the start; undefined if it can be. */
  readonly problem: () => OmcpError | undefined;
}

/** A handle of 128 random bits, which nobody can guess. */
export function newSandboxId(): string {
  return `sbx_${crypto.getRandomValues(new Uint8Array(16)).toHex()}`;
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
  const { id, runtime, removals, leaseSeconds, modules, signal } = start;
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
      preload: services.postgres === undefined ? PRELOAD : [...PRELOAD, ...DATABASE_PRELOAD],
      preloadWaits: true,
    }),
    ...(modules === undefined ? {} : { modules }),
    services,
    onEvent: (event) => watch.add(event),
    signal,
  }));
  try {
    return await verified(start, container, watch);
  } catch (error) {
    await container.remove("its creation failed").within(ROLLBACK_MS);
    throw error;
  }
}

/** The sandbox, once its kernel has reported that it is confined. */
async function verified(
  { id, policy: { memoryBytes }, signal }: SandboxStart,
  container: AgentContainer,
  watch: StartupWatch,
): Promise<StartedSandbox> {
  requireConfined(container.name, await watch.confinementProblems(signal, container.ended));
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

/** What {@link adoptSandbox} needs besides. */
export interface SandboxAdoption extends SandboxStart {
  /** The container's present name. */
  readonly name: string;
  /** Its user id. */
  readonly uid: number;
}

/** A sandbox that was taken over, and what its agent knows of earlier executions. */
export interface AdoptedSandbox extends StartedSandbox {
  readonly journal: z.output<typeof REQUESTS.journal.result>;
}

/**
 * Takes over a running sandbox, which is verified as a new one is: the container's confinement and the kernel's.
 *
 * @param start See {@link SandboxAdoption}.
 * @returns The sandbox.
 * @throws {OmcpError} What `adoptAgentContainer` throws, `sandbox_unsafe`, `kernel_unavailable`, `channel_failed`. Its
 * caller removes the container.
 */
export async function adoptSandbox(start: SandboxAdoption): Promise<AdoptedSandbox> {
  const { name, runtime, removals, signal } = start;
  const watch = new StartupWatch();
  const container = await adoptAgentContainer({
    runtime,
    removals,
    name,
    spec: containerSpec(start, start.uid),
    services: servicesOf(start),
    onEvent: (event) => watch.add(event),
    signal,
  });
  try {
    const reply = await container.channel.request("journal", {}, { signal, deadlineMs: JOURNAL_MS });
    const journal = REQUESTS.journal.result.safeParse(reply);
    if (!journal.success) {
      throw new OmcpError("channel_failed", `The agent in ${name} sent an invalid journal`);
    }
    const sandbox = await verified(start, container, watch);
    // The earlier server may have ended before it could.
    preload(container);
    return { ...sandbox, journal: journal.data };
  } catch (error) {
    // Not removed here: where the server ends, the next one may take it over.
    container.detach("it could not be taken over");
    throw error;
  }
}

function containerSpec(start: SandboxStart, uid: number): ContainerSpec {
  const { id, instance, image, policy, postgresConnections, packages = false, readable, asked = {} } = start;
  return sandboxContainerSpec(policy, {
    image,
    uid,
    labels: {
      ...labelsOf({ instance, role: "sandbox", name: id, version: VERSION, uid }),
      [LABEL_REQUEST]: JSON.stringify({ image, readable, ociRuntime: policy.ociRuntime, asked }),
    },
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
