import * as z from "zod";
import { OmcpError } from "../../errors.ts";
import { agentVersion } from "./agent_version.ts";
import { wireObject } from "./camel_case.ts";

/** The version of the channel and its messages; the agent has it in `agent/contract.py`. */
export const PROTOCOL = 1;

const limit = z.number().nonnegative().nullable();
const ids = z.array(z.int()).length(4);

/** An agent's effective confinement, as the Linux kernel reports it. null: the agent could not read the value. */
export const attestationSchema = wireObject({
  uid: z.int(),
  gid: z.int(),
  /** Real, effective, saved, file system. */
  user_ids: ids,
  group_ids: ids,
  groups: z.array(z.int()).max(1000),
  /** Masks in hexadecimal. */
  capabilities: z.record(
    z.enum(["effective", "permitted", "inheritable", "bounding", "ambient"]),
    z.string().regex(/^[0-9a-f]{1,32}$/).nullable(),
  ),
  no_new_privs: z.boolean(),
  /** The mode, as in /proc/self/status. */
  seccomp: z.int().nullable(),
  dumpable: z.boolean(),
  /** Whether a process of the same user can open the agent's descriptors, among them the channel's. */
  descriptors_open: z.boolean(),
  interfaces: z.array(z.string().max(200)).max(100),
  root_read_only: z.boolean(),
  /** All mount points, and whether each mount is read-only, whatever the permissions of its files. */
  mounts: z.record(z.string().max(4096), z.boolean()).refine((mounts) => Object.keys(mounts).length <= 1000),
  /** Mount points that the agent can write to. */
  writable_mounts: z.array(z.string().max(4096)).max(1000),
  limits: wireObject({
    memory_bytes: limit,
    swap_bytes: limit,
    pids_max: limit,
    /** The limit of the agent's user (RLIMIT_NPROC); null also where the container has no limit and the kernel does not enforce this one. */
    user_processes: limit,
    cpu_quota: limit,
  }),
});

/** An agent's attestation. */
export type Attestation = z.output<typeof attestationSchema>;

/** The first message of an attach. */
export const helloSchema = z.object({
  protocol: z.int(),
  /** That of the boot configuration. */
  agent: z.string(),
  python: z.string().max(100),
  mode: z.enum(["sandbox", "database"]),
  /** null if it could not be read. */
  attestation: attestationSchema.nullable(),
});

/** An agent's hello. */
export type Hello = z.output<typeof helloSchema>;

/**
 * Checks that an agent has this server's code and protocol.
 *
 * @param hello Its versions.
 * @returns Why the server refuses the agent; undefined if the versions match.
 */
export function incompatibility(
  { protocol, agent }: Pick<Hello, "protocol" | "agent">,
): OmcpError | undefined {
  if (protocol === PROTOCOL && agent === agentVersion()) return undefined;
  return new OmcpError(
    "agent_incompatible",
    `The agent has version ${
      agent.slice(0, 100)
    } and protocol ${protocol}; this server has version ${agentVersion()} and protocol ${PROTOCOL}`,
    { next: "Stop servers of another version that use this instance's name, then create a new sandbox." },
  );
}
