/** Finds and removes a demo's containers and volumes, by its instance label. */
import { setTimeout as delay } from "node:timers/promises";
import type { Engine } from "../../docker/mod.ts";
import { LABEL_INSTANCE } from "../../runtime/mod.ts";

/** How long containers may outlive their server, in milliseconds. */
const GONE_MS = 10_000;
const POLL_MS = 100;

/**
 * Removes the demo's volumes and counts what is left. A server removes its containers itself; containers that remain are counted, then
 * removed.
 *
 * @param engine Where to look.
 * @param instance The demo's instance.
 * @returns The numbers of containers that remained, of volumes found, and of volumes that could not be removed.
 * @throws {OmcpError} What the engine's calls throw.
 */
export async function removeLeftovers(
  engine: Engine,
  instance: string,
): Promise<{ containers: number; volumesFound: number; volumes: number }> {
  const labels = { [LABEL_INSTANCE]: instance };
  const deadline = performance.now() + GONE_MS;
  let containers = await engine.listContainers({ labels, all: true });
  while (containers.length > 0 && performance.now() < deadline) {
    await delay(POLL_MS);
    containers = await engine.listContainers({ labels, all: true });
  }
  for (const { id } of containers) await engine.removeContainer(id);
  const found = await engine.listVolumes({ labels });
  for (const { name } of found) await engine.removeVolume(name);
  const volumes = (await engine.listVolumes({ labels })).length;
  return { containers: containers.length, volumesFound: found.length, volumes };
}
