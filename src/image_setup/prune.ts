import type { Engine, ImageSummary } from "../docker/mod.ts";
import { OmcpError } from "../errors.ts";
import { IMAGE_KINDS, type ImageKind } from "../images/kinds.ts";
import { contentHash, LABEL_CONTENT, LABEL_IMAGE, LABEL_STAGE } from "../images/identity.ts";

/** How many older images of a kind are kept: servers of another version or checkout may still need them. */
const KEPT = 2;

/**
 * Removes superseded images of a kind, except the newest few and any that a container uses.
 *
 * @param engine The engine.
 * @param kind Which images.
 * @returns The names or ids of the removed images.
 */
export async function pruneImages(engine: Engine, kind: ImageKind): Promise<readonly string[]> {
  const images = await engine.listImages({ labels: { [LABEL_IMAGE]: kind } });
  return (await removeAll(engine, superseded(images, contentHash(kind)))).removed;
}

/** What {@link removeImages} did, as names or ids. */
export interface RemovedImages {
  /** Images that are gone. */
  readonly removed: readonly string[];
  /** Images that stay, because a container uses them. */
  readonly inUse: readonly string[];
}

/**
 * Removes every image of this program, of all versions, except those that a container uses, and what their builds have left.
 *
 * @param engine The engine.
 * @param kinds Which images. @default all
 */
export async function removeImages(
  engine: Engine,
  kinds: readonly string[] = IMAGE_KINDS,
): Promise<RemovedImages> {
  const images = await Promise.all(
    kinds.map((kind) => engine.listImages({ labels: { [LABEL_IMAGE]: kind } })),
  );
  const found = await removeAll(engine, images.flat());
  await pruneStages(engine);
  return found;
}

async function removeAll(engine: Engine, images: readonly ImageSummary[]): Promise<RemovedImages> {
  const [removed, inUse]: [string[], string[]] = [[], []];
  for (const image of images) {
    const known = names(image);
    for (const name of known.length > 0 ? known : [image.id]) {
      (await remove(engine, name) ? removed : inUse).push(name);
    }
  }
  return { removed, inUse };
}

/**
 * Removes the intermediate stages of finished builds: they take more than a gigabyte, only a build of the same content could reuse them,
 * and nothing else contains the host's certificates.
 *
 * @param engine The engine.
 */
export async function pruneStages(engine: Engine): Promise<void> {
  const stages = await engine.listImages({ labels: { [LABEL_STAGE]: "build" } });
  for (const stage of stages) if (names(stage).length === 0) await remove(engine, stage.id);
}

/**
 * Picks the images to remove: all except those of the current content and the newest few of the others.
 *
 * @param images Images of one kind.
 * @param current The current content's hash.
 * @returns The ones to remove.
 */
export function superseded(images: readonly ImageSummary[], current: string): readonly ImageSummary[] {
  return images
    .filter((image) => image.labels[LABEL_CONTENT] !== current)
    .toSorted((one, other) => other.createdAt - one.createdAt)
    .slice(KEPT);
}

/** An image's real names: older engines report `<none>:<none>` for an image without a name. */
function names(image: ImageSummary): readonly string[] {
  return image.tags.filter((tag) => !tag.startsWith("<none>"));
}

async function remove(engine: Engine, name: string): Promise<boolean> {
  try {
    await engine.removeImage(name);
    return true;
  } catch (error) {
    // In use, by a container or as another's parent.
    if (error instanceof OmcpError && error.code === "engine_conflict") return false;
    throw error;
  }
}
