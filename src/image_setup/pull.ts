import type { Engine } from "../docker/mod.ts";
import { OmcpError } from "../errors.ts";
import { imageReference } from "../images/identity.ts";
import type { ImageKind } from "../images/kinds.ts";
import { isCurrent } from "./current.ts";
import type { Progress } from "./progress.ts";
import { ProgressDigest } from "./progress.ts";

/** Options of the pulls. */
export interface PullOptions {
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** How long a pull may make no progress before it is abandoned, in milliseconds. */
const PULL_SILENCE_MS = 20_000;

/**
 * Pulls an image.
 *
 * @param engine The engine.
 * @param reference The image's name.
 * @param options Progress and signal.
 * @returns Why the pull failed; undefined if it succeeded.
 */
export async function tryPull(
  engine: Engine,
  reference: string,
  options: PullOptions,
): Promise<string | undefined> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), PULL_SILENCE_MS);
  using digest = new ProgressDigest({ progress: options.progress, title: reference });
  try {
    await engine.pullImage(reference, {
      signal: options.signal ? AbortSignal.any([options.signal, silence.signal]) : silence.signal,
      onProgress(line) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), PULL_SILENCE_MS);
        digest.line(line);
      },
    });
    return undefined;
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof OmcpError)) throw error;
    return silence.signal.aborted
      ? `its registry did not respond for ${PULL_SILENCE_MS / 1000} s`
      : error.message.slice(0, 300);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Pulls one of this program's images by its digest, so that the registry cannot serve a different one, and tags it with the name that this
 * program uses.
 *
 * @param engine The engine.
 * @param kind Which image.
 * @param pinned Such as `registry.example.org/omcp-python@sha256:…`.
 * @param options Progress and signal.
 * @throws {OmcpError} `image_missing` if it cannot be pulled or is not this version's.
 */
export async function pullPinned(
  engine: Engine,
  kind: ImageKind,
  pinned: string,
  options: PullOptions,
): Promise<void> {
  options.progress(`image ${kind}: pulling ${pinned}`);
  const refusal = await tryPull(engine, pinned, options);
  if (refusal !== undefined) {
    throw new OmcpError("image_missing", `Cannot pull the image ${pinned}: ${refusal}`, {
      next:
        "Check OMCP_IMAGE_REGISTRY and OMCP_IMAGE_DIGESTS, and that `docker pull` of this image works on the engine's machine; or unset both settings, so that the image is built instead.",
      details: { image: pinned },
    });
  }
  try {
    if (!await isCurrent(engine, kind, pinned)) {
      throw new OmcpError("image_missing", `The registry's image ${pinned} is not the one of this version`, {
        next: `Push ${
          imageReference(kind)
        } of this version to the registry, and set OMCP_IMAGE_DIGESTS to its digest.`,
        details: { image: pinned },
      });
    }
    await engine.tagImage(pinned, imageReference(kind));
  } finally {
    // An image with two names would stay when the program removes superseded images by the name that it gave them.
    await engine.removeImage(pinned).catch(() => {});
  }
}
