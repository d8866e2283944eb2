/**
 * A user id for each sandbox that no other of the engine has.
 *
 * The kernel counts by user, over all containers: descriptors in flight over Unix sockets, pages of pipes, queued signals and timers,
 * watches of epoll, processes under RLIMIT_NPROC. Sandboxes of one uid could use them up for each other.
 */
import { OmcpError } from "../errors.ts";
import type { ContainerRuntime } from "./container_runtime.ts";
import { type AgentContainer, type AgentContainerOptions, startAgentContainer } from "./agent_container.ts";
import { LABEL_UID } from "./labels.ts";

/**
 * The ids of sandboxes, both ends included. Above those of distributions' accounts, of most people and of {@link DATABASE_UID}; below
 * 65,536, because rootless engines and those with remapped users have no more.
 */
export const SANDBOX_UIDS = { first: 20_000, last: 59_999 } as const;

/** With a thousand sandboxes in the engine one draw in forty is taken; eight in a row are not. */
const MAX_DRAWS = 8;

/** A container as {@link startWithOwnUid} made it. */
export interface OwnUidContainer {
  /** Running, its channel up. */
  readonly container: AgentContainer;
  /** Its user and group. */
  readonly uid: number;
}

/**
 * Starts a container under a random user id that no other container of the engine has by its label, whichever server made it.
 *
 * @param optionsFor Makes the options for an id; the specification must have it as {@link LABEL_UID}.
 * @returns The running container.
 * @throws {OmcpError} As {@link startAgentContainer}; `sandbox_start_failed` where no id was free.
 */
export async function startWithOwnUid(
  optionsFor: (uid: number) => AgentContainerOptions,
): Promise<OwnUidContainer> {
  for (let draws = 1; draws <= MAX_DRAWS; draws += 1) {
    const uid = randomSandboxUid();
    const options = optionsFor(uid);
    let taken = false;
    try {
      const container = await startAgentContainer({
        ...options,
        inspectCreated: async (id, signal) => {
          taken = await isTaken(options.host, uid, id, signal);
          if (taken) throw noFreeUid();
        },
      });
      return { container, uid };
    } catch (error) {
      if (!taken) throw error;
    }
  }
  throw noFreeUid();
}

/** A random id from {@link SANDBOX_UIDS}. */
export function randomSandboxUid(): number {
  const count = SANDBOX_UIDS.last - SANDBOX_UIDS.first + 1;
  // The bias of this remainder is one part in a hundred thousand, and nothing depends on it.
  return SANDBOX_UIDS.first + (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) % count;
}

/**
 * Asked when the container is there already, so that of two servers that draw the same at once one at least sees the other; a look
 * beforehand as well would cost each creation a call and find nothing that this one does not.
 */
async function isTaken(
  host: ContainerRuntime,
  uid: number,
  own: string,
  signal: AbortSignal,
): Promise<boolean> {
  const holders = await host.listContainers({ labels: { [LABEL_UID]: String(uid) }, all: true, signal });
  return holders.some(({ id }) => id !== own);
}

function noFreeUid(): OmcpError {
  return new OmcpError(
    "sandbox_start_failed",
    "The engine's other sandboxes have every user id that was drawn",
    {
      state: "Nothing was left behind.",
      next: "Try again; remove sandboxes that are not needed.",
    },
  );
}
