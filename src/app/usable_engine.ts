/** Refuses engines that cannot confine sandboxes, before anything runs in them. Each container's attestation shows the rest. */
import { type ConnectOptions, Engine, type EngineInfo } from "../docker/mod.ts";
import { OmcpError } from "../errors.ts";
import type { ReadVariable } from "./config.ts";
import { presentSockets } from "./engine_sockets.ts";

/** How long the search for other engines waits for each one's answer, in milliseconds. */
const LOOK_MS = 1000;

/** What decides, as the engine reports it. */
type EngineFacts = Pick<
  EngineInfo,
  "securityOptions" | "cgroupDriver" | "memoryLimit" | "pidsLimit" | "cpuQuota"
>;

/**
 * Why an engine cannot be used.
 *
 * @param product Its name for itself.
 * @param facts What it reports.
 * @returns Phrases; empty if it can be used as far as it reports.
 */
export function unusableBecause(product: string, facts: EngineFacts): string[] {
  if (/podman/i.test(product)) {
    return [
      "Podman accepts a seccomp profile only as the path of a file on its own machine, and cannot limit the number of files in a tmpfs or set the owner of one",
    ];
  }
  const rootless = facts.securityOptions.some((option) => /^name=rootless\b/.test(option));
  const unlimited = facts.cgroupDriver === "none";
  const missing = [
    ...(facts.memoryLimit && !unlimited ? [] : ["memory"]),
    ...(facts.pidsLimit && !unlimited ? [] : ["processes"]),
    ...(facts.cpuQuota && !unlimited ? [] : ["processor time"]),
  ];
  if (missing.length === 0) return [];
  const why = rootless ? ", because it runs without root and its user was not given these cgroups" : "";
  return [`it limits no container's ${missing.join(", ")}${why}`];
}

/** An engine that can be used as far as it reports. */
export interface UsableEngine {
  /** The caller closes it. */
  readonly engine: Engine;
  /** What it reports about itself. */
  readonly info: EngineInfo;
}

/**
 * Connects to an engine, and refuses one that cannot confine sandboxes.
 *
 * @param options Where, and for how long each of its two answers is awaited.
 * @throws {OmcpError} `engine_refused`, and what `Engine.connect()` throws.
 */
export async function connectUsable(options: ConnectOptions): Promise<UsableEngine> {
  const engine = await Engine.connect(options);
  try {
    const info = await engine.info(options);
    requireUsable(engine.product, info);
    return { engine, info };
  } catch (error) {
    engine.close();
    throw error;
  }
}

function requireUsable(product: string, info: EngineInfo): void {
  const reasons = unusableBecause(product, info);
  if (reasons.length === 0) return;
  throw new OmcpError("engine_refused", `Cannot use this container engine: ${reasons.join("; ")}`, {
    state: "Nothing was created in it.",
    next:
      "Use Docker Engine 20.10 or newer, run by root or in a virtual machine (Docker Desktop, Colima), and name its address in DOCKER_HOST.",
  });
}

/**
 * Refuses an OCI runtime that the engine does not have.
 *
 * @param name `OMCP_OCI_RUNTIME`; undefined: the engine's default.
 * @param engine What the engine reports.
 * @returns The name of the one that sandboxes get.
 * @throws {OmcpError} `config_invalid`.
 */
export function chosenOciRuntime(
  name: string | undefined,
  engine: Pick<EngineInfo, "runtimes" | "defaultRuntime">,
): string {
  if (name === undefined) return engine.defaultRuntime;
  if (engine.runtimes.includes(name)) return name;
  throw new OmcpError(
    "config_invalid",
    `Cannot start: OMCP_OCI_RUNTIME is ${name}, and the engine has ${engine.runtimes.toSorted().join(", ")}`,
    { next: "Set it to one of these, or add it to `runtimes` in the engine's daemon.json." },
  );
}

/**
 * Looks for engines that can be used, at the usual sockets that this process may reach.
 *
 * @param read Looks up an environment variable.
 * @returns Their addresses, as in `DOCKER_HOST`, the likeliest first.
 */
export async function usableHosts(read: ReadVariable): Promise<string[]> {
  const found = await Promise.all(
    presentSockets(read).map(async (socket) => {
      const host = `unix://${socket}`;
      try {
        (await connectUsable({ host, deadlineMs: LOOK_MS })).engine.close();
        return [host];
      } catch {
        // Nothing answers there, or what answers cannot be used.
        return [];
      }
    }),
  );
  return found.flat();
}
