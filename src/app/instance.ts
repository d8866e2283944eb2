/** The lock of a server's instance: one server at a time holds it, and first removes what an earlier one left, except its sandboxes. */
import type { Config } from "./config.ts";
import { within } from "../lib/async/deadline.ts";
import {
  type ContainerPlatform,
  type ContainerSummary,
  InstanceLock,
  Removals,
  removeInstanceContainers,
  removeOrphans,
} from "../runtime/mod.ts";
import { logger } from "../observability/log.ts";
import { imageReference } from "../images/identity.ts";

const log = logger("serve");

/** How long a start waits for the removal of what an earlier server left, which continues afterwards. */
const ORPHANS_MS = 10_000;
const REMOVE_ORPHANS_EVERY_MS = 5 * 60_000;

/** A held instance. */
export interface HeldInstance {
  /** Resolves, with the reason, when another server has the instance: this one must end. */
  readonly lost: Promise<string>;
  /** The sandboxes that an earlier server of the instance left. */
  readonly sandboxes: readonly ContainerSummary[];
  /** Releases it. */
  close(): Promise<void>;
}

/**
 * Acquires the instance. An instance without a name belongs to this server alone and needs no lock.
 *
 * @param config The settings.
 * @param runtime Where the server's containers are.
 * @param image The sandboxes' image.
 * @throws {OmcpError} `instance_in_use`, which leaves the holder untouched.
 */
export async function acquireInstance(
  config: Config,
  runtime: ContainerPlatform,
  image: string,
): Promise<HeldInstance> {
  const lost = Promise.withResolvers<string>();
  const removals = new Removals(runtime);
  let lock: InstanceLock | undefined;
  let sandboxes: readonly ContainerSummary[] = [];
  if (config.instanceNamed) {
    const { instance, leaseSeconds } = config;
    // A user's own image may lack Python; create_sandbox reports that.
    const own = imageReference("python");
    lock = await InstanceLock.acquire({
      runtime,
      instance,
      image: await runtime.hasImage(own) ? own : image,
      leaseSeconds,
      onLost: ({ message }) => lost.resolve(message),
    });
    try {
      sandboxes = await removeInstanceContainers(runtime, instance, removals);
      await within(removals.allRemoved(), ORPHANS_MS);
    } catch (error) {
      await lock.release();
      removals.close();
      throw error;
    }
  }
  tryRemoveOrphans(runtime);
  const timer = setInterval(() => tryRemoveOrphans(runtime), REMOVE_ORPHANS_EVERY_MS);
  return {
    lost: lost.promise,
    sandboxes,
    close: async () => {
      clearInterval(timer);
      removals.close();
      await lock?.release();
    },
  };
}

function tryRemoveOrphans(runtime: ContainerPlatform): void {
  removeOrphans(runtime).catch((error: unknown) =>
    log.warning("Cannot remove containers that were never started: {error}", { error: String(error) })
  );
}
