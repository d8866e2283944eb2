/** Whether what holds a container in, as its agent reports it, is what the policy says. */
import * as z from "zod";
import { type SandboxPolicy, TMPFS_MOUNTS } from "./policy.ts";

const count = z.number().nonnegative();

const Hello = z.object({
  attestation: z.object({
    uid: z.number().int(),
    gid: z.number().int(),
    groups: z.array(z.number().int()).max(1000),
    // Real, effective, saved, of the file system.
    user_ids: z.array(z.number().int()).length(4),
    group_ids: z.array(z.number().int()).length(4),
    // null is what the agent could not read.
    capabilities: z.record(
      z.enum(["effective", "permitted", "inheritable", "bounding", "ambient"]),
      z.string().regex(/^[0-9a-f]{1,32}$/).nullable(),
    ),
    no_new_privs: z.boolean(),
    seccomp: z.number().int().nullable(),
    dumpable: z.boolean(),
    interfaces: z.array(z.string().max(200)).max(100),
    root_read_only: z.boolean(),
    writable_mounts: z.array(z.string().max(4096)).max(1000),
    limits: z.object({
      memory_bytes: count.nullable(),
      swap_bytes: count.nullable(),
      pids_max: count.nullable(),
      cpu_quota: count.nullable(),
    }),
  }),
});

type Attestation = z.output<typeof Hello>["attestation"];

/** In the order of /proc/self/status. */
const ID_NAMES = ["real", "effective", "saved", "file system"] as const;

/** SECCOMP_MODE_FILTER of /proc/self/status. */
const SECCOMP_FILTER = 2;

/**
 * Mount points that a process may write to though they are no storage: message queues, whose number the `msgqueue` limit holds at none, and
 * files of /proc that the engine hides behind /dev/null.
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

/**
 * Compares an agent's report with the policy. What the report does not know counts as a deviation, but for swap: an engine whose
 * kernel does not account for swap cannot show it.
 *
 * @param policy What the sandbox may use.
 * @param uid Its user and group, which it shares with nobody.
 * @param hello The channel's hello, untrusted.
 * @returns A sentence for every deviation; none means that the sandbox is confined as the policy says.
 */
export function verifyAttestation(policy: SandboxPolicy, uid: number, hello: unknown): string[] {
  const parsed = Hello.safeParse(hello);
  if (!parsed.success) return [`the agent's report is no valid one: ${z.prettifyError(parsed.error)}`];
  const facts = parsed.data.attestation;
  return [...identity(uid, facts), ...privileges(facts), ...surroundings(facts), ...limits(policy, facts)];
}

function identity(uid: number, facts: Attestation): string[] {
  const found: string[] = [];
  for (const [name, value] of [["uid", facts.uid], ["gid", facts.gid]] as const) {
    if (value !== uid) found.push(`the ${name} is ${value} instead of ${uid}`);
  }
  // The kernel counts by the real one, so the effective one alone says too little.
  for (const [kind, ids] of [["user", facts.user_ids], ["group", facts.group_ids]] as const) {
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
    if (mask === null) found.push(`the ${set} capabilities are not known`);
    else if (!/^0+$/.test(mask)) found.push(`the ${set} capabilities are ${mask} instead of none`);
  }
  if (!facts.no_new_privs) found.push("no-new-privileges is off");
  if (facts.seccomp !== SECCOMP_FILTER) {
    found.push(`the seccomp mode is ${facts.seccomp} instead of ${SECCOMP_FILTER}`);
  }
  if (facts.dumpable) found.push("the agent's memory can be read by other processes");
  return found;
}

function surroundings(facts: Attestation): string[] {
  const found: string[] = [];
  const interfaces = facts.interfaces.filter((name) => name !== "lo");
  if (interfaces.length > 0) found.push(`there are network interfaces: ${interfaces.join(", ")}`);
  if (!facts.root_read_only) found.push("the root file system can be written to");
  const allowed = new Set<string>(TMPFS_MOUNTS.map(({ path }) => path));
  for (const mount of facts.writable_mounts) {
    if (!allowed.has(mount) && !HARMLESS_MOUNTS.has(mount)) found.push(`${mount} can be written to`);
  }
  for (const path of allowed) {
    if (!facts.writable_mounts.includes(path)) {
      found.push(`${path} is no file system of its own that can be written to`);
    }
  }
  return found;
}

/** The smallest difference of CPU quotas that counts: the engine rounds to whole microseconds. */
const CPU_TOLERANCE = 0.001;
/** The kernel rounds memory down to whole pages, of 64 KiB at most. */
const PAGE_BYTES = 65_536;

function limits(policy: SandboxPolicy, facts: Attestation): string[] {
  const { memory_bytes, swap_bytes, pids_max, cpu_quota } = facts.limits;
  const found: string[] = [];
  if (memory_bytes === null || Math.abs(memory_bytes - policy.memoryBytes) > PAGE_BYTES) {
    found.push(`the memory limit is ${memory_bytes ?? "none"} instead of ${policy.memoryBytes} bytes`);
  }
  if (swap_bytes !== null && swap_bytes > 0) found.push(`${swap_bytes} bytes of swap can be used`);
  if (pids_max !== policy.pids) {
    found.push(`the process limit is ${pids_max ?? "none"} instead of ${policy.pids}`);
  }
  if (cpu_quota === null || Math.abs(cpu_quota - policy.cpus) > CPU_TOLERANCE) {
    found.push(`the CPU quota is ${cpu_quota ?? "none"} instead of ${policy.cpus}`);
  }
  return found;
}
