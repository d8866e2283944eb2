/** Compares a container's effective confinement, as its agent attests it, with its specification: for sandboxes and databases alike. */
import * as z from "zod";
import { type Attestation, attestationSchema } from "../agent_protocol/messages/mod.ts";
import { ownCommand } from "../lib/own_command.ts";
import { OmcpError } from "../errors.ts";
import type { ContainerSpec, ReadOnlyFolder } from "./container_spec.ts";

const helloSchema = z.object({ attestation: attestationSchema });

/** In the order of /proc/self/status. */
const ID_NAMES = ["real", "effective", "saved", "file system"] as const;

/** SECCOMP_MODE_FILTER of /proc/self/status. */
const SECCOMP_FILTER = 2;

/**
 * Mount points that a process may write to although they store nothing: message queues, which the `msgqueue` limit forbids, and files
 * of /proc that the engine masks with /dev/null.
 */
const HARMLESS_MOUNTS: ReadonlySet<string> = new Set([
  "/dev/mqueue",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/timer_list",
  "/proc/timer_stats",
]);

/** Under these, containers have the kernel's own file systems and what masks parts of them. */
const KERNEL_FOLDERS = ["/dev", "/proc", "/sys"] as const;
/** Files that the engine mounts into every container. They belong to the container. */
const ENGINE_FILES = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"] as const;

/** The largest difference of CPU quotas that is accepted, in CPUs: the engine rounds to whole microseconds. */
const CPU_TOLERANCE = 0.001;
/** The largest difference of memory limits that is accepted: the kernel rounds down to whole pages, of 64 KiB at most. */
const PAGE_BYTES = 65_536;

/**
 * Compares an agent's attestation with its container's specification. A fact that the attestation lacks counts as a deviation, except
 * swap: a kernel that does not account for swap cannot report it.
 *
 * @param spec What the runtime was asked for.
 * @param hello The channel's hello, untrusted.
 * @returns A phrase for every deviation; empty if the container is confined as specified.
 */
export function verifyAttestation(spec: ContainerSpec, hello: unknown): string[] {
  const parsed = helloSchema.safeParse(hello);
  if (!parsed.success) return [`the agent's attestation is invalid: ${z.prettifyError(parsed.error)}`];
  const facts = parsed.data.attestation;
  return [
    ...identity(spec.confinement.uid, facts),
    ...privileges(facts),
    ...network(spec, facts),
    ...mounts(spec, facts),
    ...limits(spec.limits, facts.limits),
  ];
}

/**
 * Refuses a container that is not confined as specified.
 *
 * @param name The container's name.
 * @param deviations What deviates, as phrases; empty for a container that is confined.
 * @throws {OmcpError} `sandbox_unsafe`.
 */
export function requireConfined(name: string, deviations: readonly string[]): void {
  if (deviations.length === 0) return;
  throw new OmcpError(
    "sandbox_unsafe",
    `The container ${name} is not confined as its policy says: ${deviations.join("; ")}`,
    {
      state: "The container is removed, however many attempts that takes.",
      next: `This is for the operator: run \`${ownCommand("doctor")}\` on the engine's machine.`,
      details: { deviations },
    },
  );
}

function identity(uid: number, facts: Attestation): string[] {
  const found: string[] = [];
  for (const [name, value] of [["uid", facts.uid], ["gid", facts.gid]] as const) {
    if (value !== uid) found.push(`the ${name} is ${value} instead of ${uid}`);
  }
  // The kernel counts a user's processes by the real id, so the effective one is not enough.
  for (const [kind, ids] of [["user", facts.userIds], ["group", facts.groupIds]] as const) {
    ids.forEach((id, at) => {
      if (id !== uid) found.push(`the ${ID_NAMES[at]} ${kind} id is ${id} instead of ${uid}`);
    });
  }
  const others = facts.groups.filter((group) => group !== uid);
  if (others.length > 0) found.push(`there are other groups: ${others.join(", ")}`);
  return found;
}

function privileges(facts: Attestation): string[] {
  const found: string[] = [];
  for (const [set, mask] of Object.entries(facts.capabilities)) {
    if (mask === null) found.push(`the ${set} capabilities are unknown`);
    else if (!/^0+$/.test(mask)) found.push(`the ${set} capabilities are ${mask} instead of none`);
  }
  if (!facts.noNewPrivs) found.push("no-new-privileges is off");
  if (facts.seccomp !== SECCOMP_FILTER) {
    found.push(`the seccomp mode is ${facts.seccomp} instead of ${SECCOMP_FILTER}`);
  }
  if (facts.dumpable) found.push("other processes can read the agent's memory");
  if (facts.descriptorsOpen) found.push("other processes can open the agent's channel to the server");
  return found;
}

/** The runtime names the interfaces of a network: which there are says nothing. */
function network(spec: ContainerSpec, facts: Attestation): string[] {
  if (spec.network !== undefined) return [];
  const interfaces = facts.interfaces.filter((name) => name !== "lo");
  return interfaces.length === 0 ? [] : [`there are network interfaces: ${interfaces.join(", ")}`];
}

function mounts(spec: ContainerSpec, facts: Attestation): string[] {
  const { tmpfs, volumes = [], readOnlyFolders = [] } = spec;
  const found = [...unspecifiedMounts(spec, facts), ...writableFolders(readOnlyFolders, facts)];
  if (!facts.rootReadOnly) found.push("the root file system is writable");
  const specified = new Set([...tmpfs, ...volumes].map(({ path }) => path));
  for (const mount of facts.writableMounts) {
    if (!specified.has(mount) && !HARMLESS_MOUNTS.has(mount)) found.push(`${mount} is writable`);
  }
  for (const path of specified) {
    if (!facts.writableMounts.includes(path)) found.push(`${path} is not a writable mount`);
  }
  return found;
}

/** Mounts that nobody asked for, which could show a folder of the machine. Writable mounts are checked elsewhere. */
function unspecifiedMounts(
  { tmpfs, volumes = [], readOnlyFolders = [] }: ContainerSpec,
  { mounts, writableMounts }: Attestation,
): string[] {
  const exact = new Set(["/", ...ENGINE_FILES, ...[...tmpfs, ...volumes].map(({ path }) => path)]);
  const folders = [...KERNEL_FOLDERS, ...readOnlyFolders.map(({ path }) => path)];
  return Object.keys(mounts)
    .filter((path) => !exact.has(path) && !writableMounts.includes(path))
    .filter((path) => !folders.some((folder) => isInside(path, folder)))
    .map((path) => `${path} is mounted, which was not asked for`);
}

function writableFolders(folders: readonly ReadOnlyFolder[], { mounts }: Attestation): string[] {
  return folders.flatMap(({ path }) => {
    if (mounts[path] === undefined) return [`${path} is not mounted`];
    const writable = Object.keys(mounts).filter((mount) => isInside(mount, path) && mounts[mount] === false);
    return writable.map((mount) =>
      mount === path
        ? `${path} is not mounted read-only`
        : `${mount} is a mount inside the folder ${path} and not read-only: mount it read-only on the machine`
    );
  });
}

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function limits(specified: ContainerSpec["limits"], effective: Attestation["limits"]): string[] {
  const { memoryBytes, swapBytes, cpuQuota } = effective;
  const found: string[] = [];
  if (memoryBytes === null || Math.abs(memoryBytes - specified.memoryBytes) > PAGE_BYTES) {
    found.push(`the memory limit is ${memoryBytes ?? "none"} instead of ${specified.memoryBytes} bytes`);
  }
  if (swapBytes !== null && swapBytes > 0) found.push(`${swapBytes} bytes of swap can be used`);
  found.push(...processes(specified, effective));
  const { cpus } = specified;
  if (cpus !== undefined && (cpuQuota === null || Math.abs(cpuQuota - cpus) > CPU_TOLERANCE)) {
    found.push(`the CPU quota is ${cpuQuota ?? "none"} instead of ${cpus}`);
  }
  return found;
}

/**
 * gVisor does not limit the processes of a container. It limits those of a user, within the sandbox's own kernel. On Linux a user's limit serves as
 * well, if no other container has the user.
 */
function processes(
  { pids, userProcesses }: ContainerSpec["limits"],
  effective: Attestation["limits"],
): string[] {
  if (effective.pidsMax !== null || userProcesses === undefined) {
    return effective.pidsMax === pids
      ? []
      : [`the process limit is ${effective.pidsMax ?? "none"} instead of ${pids}`];
  }
  if (effective.userProcesses === userProcesses) return [];
  return [
    `the process limit is none instead of ${pids}, and that of the user ${
      effective.userProcesses ?? "none"
    } instead of ${userProcesses}`,
  ];
}
