import type { Engine, ImageSummary } from "../docker/mod.ts";
import { OmcpError } from "../errors.ts";
import type { ImageKind } from "./images.ts";
import { contentHash, LABEL_CONTENT, LABEL_IMAGE } from "./images.ts";

/** Older images of a kind that stay: servers of another version, or another checkout, may still want them. */
const KEPT = 2;

/**
 * Removes our images of a kind that newer ones have superseded, but for the last few and any that a container uses.
 *
 * @param engine The engine.
 * @param kind Which images.
 * @returns The names or ids of those removed.
 */
export async function pruneImages(engine: Engine, kind: ImageKind): Promise<readonly string[]> {
  const images = await engine.listImages({ labels: { [LABEL_IMAGE]: kind } });
  const removed: string[] = [];
  for (const image of superseded(images, contentHash(kind))) {
    for (const name of image.tags.length > 0 ? image.tags : [image.id]) {
      if (await remove(engine, name)) removed.push(name);
    }
  }
  return removed;
}

/**
 * Picks the images that may go: neither the current content, nor the newest few of the others.
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

async function remove(engine: Engine, name: string): Promise<boolean> {
  try {
    await engine.removeImage(name);
    return true;
  } catch (error) {
    if (error instanceof OmcpError && error.code === "engine_conflict") return false;
    throw error;
  }
}
