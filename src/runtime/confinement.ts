/** What the confinement of all our containers has in common: sandboxes, local databases, locks and resolvers of packages. */
import type { Confinement } from "./container_spec.ts";
import { MASKED_PATHS, READONLY_PATHS } from "./masked_paths.ts";
import { NETWORK_SECCOMP, type SeccompProfile } from "./seccomp_profile.ts";

/** The user and group of our images' own files and of every database container. No sandbox has it. */
export const DATABASE_UID = 10001;

/**
 * Weights for CPU time while processors are short. The server runs outside of any container and has 1024. A weight decides how much time a
 * container gets, and how soon it runs when it wakes: a container that is lighter than the running one waits longer. With 64 for a sandbox, the p95
 * of a neighbour's cell beside busy database sessions was 26 to 36 ms, and with 256 19 to 21 ms.
 */
export const CPU_SHARES = { database: 512, sandbox: 256 } as const;

/** The engine writes the name servers here, which a container with a network needs. */
const NAME_SERVERS = "/etc/resolv.conf";

/**
 * The confinement of a container that has a network and never runs user code.
 *
 * @param uid Its user and group.
 */
export function networkConfinement(uid: number): Confinement {
  const confined = confinement(uid, NETWORK_SECCOMP);
  return { ...confined, maskedPaths: confined.maskedPaths.filter((path) => path !== NAME_SERVERS) };
}

/**
 * The confinement of a container of ours.
 *
 * @param uid Its user and group.
 * @param seccomp Which system calls it may make.
 */
export function confinement(uid: number, seccomp: SeccompProfile): Confinement {
  return { uid, seccomp, maskedPaths: MASKED_PATHS, readOnlyPaths: READONLY_PATHS };
}
