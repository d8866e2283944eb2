/** `omcp setup --remove`: removes the images from the engine, and names what stays. */
import { connectEngine } from "../../app/connect_engine.ts";
import { listLocalCdms } from "../../cdm/local_store.ts";
import { BASE_IMAGE, removeImages } from "../../image_setup/mod.ts";
import { IMAGE_KINDS } from "../../images/kinds.ts";
import { ownCommand } from "../../lib/own_command.ts";
import { DockerRuntime } from "../../runtime/docker/mod.ts";
import { setupLockPath, withLock } from "./lock.ts";
import { LOCK_DEADLINE_MS, type SetUpOptions } from "./setup.ts";

/**
 * Removes the images of every version that no container uses. What holds data, or may be another's, stays.
 *
 * @param options Progress, environment.
 * @param kinds The images' kinds; others are for tests. @default all
 * @throws {OmcpError} What the engine's calls throw; it is never installed or started.
 */
export async function removeSetUp(
  options: Pick<SetUpOptions, "progress" | "read">,
  kinds: readonly string[] = IMAGE_KINDS,
): Promise<void> {
  const { progress, read } = options;
  const lock = { ...options, path: setupLockPath(read), deadlineMs: LOCK_DEADLINE_MS };
  await withLock(lock, async () => {
    const { engine } = await connectEngine({ read });
    try {
      const { removed, inUse } = await removeImages(engine, kinds);
      for (const name of removed) progress(`removed the image ${name}`);
      for (const name of inUse) {
        progress(`the image ${name} stays: a container uses it; end its server, then repeat this`);
      }
      if (removed.length + inUse.length === 0) progress("there is no image of this program");
      for (const { name } of await listLocalCdms(new DockerRuntime(engine))) {
        progress(`the local CDM ${name} stays: \`${ownCommand(`cdm remove local:${name}`)}\` removes it`);
      }
      if (await engine.inspectImage(BASE_IMAGE) !== undefined) {
        progress(`the base image ${BASE_IMAGE} stays: other programs may use it`);
      }
    } finally {
      engine.close();
    }
  });
}
