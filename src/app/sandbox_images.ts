/** Turns the name of an image for sandboxes into the reference that the engine gets. */
import { OmcpError } from "../errors.ts";
import { missingImage } from "../images/missing.ts";
import type { ContainerPlatform } from "../runtime/mod.ts";

const DIGEST = /@(sha256:[0-9a-f]{64})$/;

/**
 * Finds an image, and verifies that it is the one that a digest in its name pins.
 *
 * @param runtime Where images are.
 * @param reference The image's name. A digest in it may be a registry's, or the id of an image that was built or loaded.
 * @param signal Gives up.
 * @returns The image's id: a container created from it has the image that was found, even if the name has moved to another one.
 * @throws {OmcpError} `image_missing`; the engine's errors.
 */
export async function findImage(
  runtime: Pick<ContainerPlatform, "inspectImage">,
  reference: string,
  signal?: AbortSignal,
): Promise<string> {
  const call = signal === undefined ? {} : { signal };
  const digest = DIGEST.exec(reference)?.[1];
  const found = await runtime.inspectImage(reference, call) ??
    (digest === undefined ? undefined : await runtime.inspectImage(digest, call));
  if (found === undefined) throw missingImage(reference);
  if (digest === undefined || found.id === digest || found.digests.includes(digest)) return found.id;
  throw new OmcpError("image_missing", `The engine's image ${reference} has another digest than its name`, {
    next: "Pull the image by its digest, or correct OMCP_IMAGE or OMCP_IMAGES.",
    details: { image: reference },
  });
}

/**
 * Whether an image's name holds the digest that pins it.
 *
 * @param reference The name.
 */
export function isPinned(reference: string): boolean {
  return DIGEST.test(reference);
}
