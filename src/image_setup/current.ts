import type { Engine } from "../docker/mod.ts";
import { contentHash, LABEL_CONTENT } from "../images/identity.ts";
import type { ImageKind } from "../images/kinds.ts";

/**
 * Whether an image of the engine has the content that this program needs.
 *
 * @param engine The engine.
 * @param kind Which image.
 * @param reference A name of it.
 * @param signal Gives up.
 */
export async function isCurrent(
  engine: Engine,
  kind: ImageKind,
  reference: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const found = await engine.inspectImage(reference, signal === undefined ? {} : { signal });
  return found?.labels[LABEL_CONTENT] === contentHash(kind);
}
