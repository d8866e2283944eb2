/**
 * A user id of its own for each sandbox.
 *
 * Linux counts these per user over all containers: descriptors in flight over Unix sockets, pages of pipes, queued signals and
 * timers, epoll watches, processes under RLIMIT_NPROC. Sandboxes of one uid could exhaust them for each other.
 */
import { OmcpError } from "../errors.ts";
import {
  type AgentContainer,
  type ContainerRuntime,
  LABEL_UID,
  startAgentContainer,
  type StartOptions,
} from "../runtime/mod.ts";

/**
 * The ids of sandboxes, both ends included. The ids are above those of distributions' accounts, of most people and of {@link DATABASE_UID}. They
 * are below 65,536, because rootless engines and those with remapped users have no others.
 */
export const SANDBOX_UIDS = { first: 20_000, last: 59_999 } as const;

/** With a thousand sandboxes in the engine, one id in forty is taken: eight taken ones in a row do not happen. */
const MAX_DRAWS = 8;

/**
 * Starts a container under a random user id that no other container of the runtime has by its label, whichever server created it.
 *
 * @param optionsFor Makes the options for an id; the specification must have the id as its user and as {@link LABEL_UID}.
 * @returns The running container.
 * @throws {OmcpError} As {@link startAgentContainer}; `sandbox_start_failed` if no id was free.
 */
export async function startWithOwnUid(optionsFor: (uid: number) => StartOptions): Promise<AgentContainer> {
  for (let draws = 1; draws <= MAX_DRAWS; draws += 1) {
    const uid = randomSandboxUid();
    const options = optionsFor(uid);
    let taken = false;
    try {
      return await startAgentContainer({
        ...options,
        inspectCreated: async (id, signal) => {
          taken = await isTaken(options.runtime, uid, id, signal);
          if (taken) throw noFreeUid();
        },
      });
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
 * Checks after the creation, so that of two servers that draw the same id at once at least one sees the other. A check before it would
 * cost each creation a call and find nothing more.
 */
async function isTaken(
  runtime: ContainerRuntime,
  uid: number,
  own: string,
  signal: AbortSignal,
): Promise<boolean> {
  const holders = await runtime.listContainers({ labels: { [LABEL_UID]: String(uid) }, all: true, signal });
  return holders.some(({ id }) => id !== own);
}

function noFreeUid(): OmcpError {
  return new OmcpError(
    "sandbox_start_failed",
    `Cannot find a free user id: other sandboxes of the engine use all ${MAX_DRAWS} that were drawn`,
    {
      state: "Nothing was left behind.",
      next: "Try again; remove sandboxes that are not needed.",
    },
  );
}
