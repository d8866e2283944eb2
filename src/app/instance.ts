/** A server's hold on its instance: one server at a time has it, and begins with what an earlier one left removed. */
import type { Config } from "./config.ts";
import type { Engine } from "../docker/mod.ts";
import { within } from "../lib/async/deadline.ts";
import { InstanceLock, Removals, removeOrphans, sweepNeverStarted } from "../runtime/mod.ts";
import { logger } from "../observability/log.ts";
import { imageReference } from "../images/identity.ts";

const log = logger("serve");

/** How long a start waits for the removal of what an earlier server left; it goes on afterwards. */
const ORPHANS_MS = 10_000;
const SWEEP_EVERY_MS = 5 * 60_000;

/** A held instance. */
export interface HeldInstance {
  /** Resolves, with the reason, when another server has the instance: this one must end. */
  readonly lost: Promise<string>;
  /** Gives it back. */
  close(): Promise<void>;
}

/**
 * Takes hold of the instance. One that has no name is this server's alone, and needs no lock.
 *
 * @param config The settings.
 * @param engine Where the server's containers are.
 * @param image The sandboxes' image.
 * @throws {OmcpError} `instance_in_use`; nothing of its holder is touched then.
 */
export async function holdInstance(config: Config, engine: Engine, image: string): Promise<HeldInstance> {
  const lost = Promise.withResolvers<string>();
  const removals = new Removals(engine);
  let lock: InstanceLock | undefined;
  if (config.instanceNamed) {
    const { instance, leaseSeconds } = config;
    // A foreign image may lack Python; then create_sandbox says so.
    const own = imageReference("python");
    lock = await InstanceLock.acquire({
      host: engine,
      instance,
      image: await engine.inspectImage(own) === undefined ? image : own,
      leaseSeconds,
      onLost: ({ message }) => lost.resolve(message),
    });
    try {
      const found = await removeOrphans(engine, instance, removals);
      if (found > 0) await within(removals.allGone(), ORPHANS_MS);
    } catch (error) {
      await lock.release();
      removals.close();
      throw error;
    }
  }
  sweep(engine);
  const sweeper = setInterval(() => sweep(engine), SWEEP_EVERY_MS);
  return {
    lost: lost.promise,
    close: async () => {
      clearInterval(sweeper);
      removals.close();
      await lock?.release();
    },
  };
}

function sweep(engine: Engine): void {
  sweepNeverStarted(engine).catch((error: unknown) =>
    log.warning("Cannot look for containers that were never started: {error}", { error: String(error) })
  );
}
