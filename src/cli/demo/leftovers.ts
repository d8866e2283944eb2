/** What a demo has in the engine, by its instance label, and the end of that. */
import { setTimeout as delay } from "node:timers/promises";
import type { Engine } from "../../docker/mod.ts";
import { LABEL_INSTANCE } from "../../runtime/mod.ts";

/** How long a server that has ended may take to be gone from the engine, in milliseconds. */
const GONE_MS = 10_000;
const POLL_MS = 100;

/**
 * Removes the demo's volumes and counts what it has left. Containers have to go by themselves, since that is what a server
 * promises; those that do not are counted, and then removed all the same.
 *
 * @param engine Where to look.
 * @param instance The demo's instance.
 * @returns How many containers a server had left, how many volumes there were, and how many could not be removed.
 * @throws {OmcpError} What the engine's calls throw.
 */
export async function clearAway(
  engine: Engine,
  instance: string,
): Promise<{ containers: number; volumesMade: number; volumes: number }> {
  const labels = { [LABEL_INSTANCE]: instance };
  const deadline = performance.now() + GONE_MS;
  let containers = await engine.listContainers({ labels, all: true });
  while (containers.length > 0 && performance.now() < deadline) {
    await delay(POLL_MS);
    containers = await engine.listContainers({ labels, all: true });
  }
  for (const { id } of containers) await engine.removeContainer(id);
  const made = await engine.listVolumes({ labels });
  for (const { name } of made) await engine.removeVolume(name);
  const volumes = (await engine.listVolumes({ labels })).length;
  return { containers: containers.length, volumesMade: made.length, volumes };
}
