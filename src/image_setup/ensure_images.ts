import type { Engine } from "../docker/mod.ts";
import { imageReference } from "../images/identity.ts";
import { IMAGE_KINDS, type ImageKind } from "../images/kinds.ts";
import type { ImageSource } from "../images/source.ts";
import { hostCertificates } from "../lib/host_certificates.ts";
import { type Bootstrap, ensureBaseImage } from "./base_image.ts";
import { buildImage } from "./build.ts";
import { isCurrent } from "./current.ts";
import { withEngineLock } from "./engine_lock.ts";
import { loadBundledImages } from "./load.ts";
import type { Progress } from "./progress.ts";
import { pruneImages, pruneStages } from "./prune.ts";
import { pullPinned } from "./pull.ts";

/** Options of {@link ensureImages}. */
export interface EnsureImagesOptions {
  /** Receives a line for each step; no line if nothing is missing. */
  readonly progress: Progress;
  /** Looks up an environment variable: what a build uses of the host. */
  readonly read: (name: string) => string | undefined;
  /** Where missing images come from. */
  readonly source: ImageSource;
  /** Rebuilds existing images, with the distribution's newest packages. @default false */
  readonly refresh?: boolean;
  /** Creates a base image that cannot be pulled. @default none */
  readonly bootstrap?: Bootstrap;
  /** Stops the work; the engine keeps finished steps of a build. */
  readonly signal?: AbortSignal;
}

/** Milliseconds to wait for another program that provides images. */
const LOCK_DEADLINE_MS = 60 * 60_000;
/** Milliseconds that one image may take to build. */
const BUILD_DEADLINE_MS = 45 * 60_000;

/**
 * Ensures that the engine has images of this program: pulls, loads or builds those that are missing. One program at a time does that.
 *
 * @param engine The engine.
 * @param kinds Which images.
 * @param options The source, progress.
 * @returns The images that were missing.
 * @throws {OmcpError} With what failed and what to do.
 */
export async function ensureImages(
  engine: Engine,
  kinds: readonly ImageKind[],
  options: EnsureImagesOptions,
): Promise<ReadonlySet<ImageKind>> {
  if (!options.refresh && (await missingOf(engine, kinds, options.signal)).length === 0) return new Set();
  return await withEngineLock({ ...options, engine, deadlineMs: LOCK_DEADLINE_MS }, async () => {
    const missing = options.refresh ? kinds : await missingOf(engine, kinds, options.signal);
    if (missing.length === 0) return new Set<ImageKind>();
    await provide(engine, missing, options);
    await prune(engine, options.progress);
    return new Set(missing);
  });
}

/** The kinds whose image is absent, or has another content than its name says. */
async function missingOf(
  engine: Engine,
  kinds: readonly ImageKind[],
  signal: AbortSignal | undefined,
): Promise<readonly ImageKind[]> {
  const missing: ImageKind[] = [];
  for (const kind of kinds) {
    if (!await isCurrent(engine, kind, imageReference(kind), signal)) missing.push(kind);
  }
  return missing;
}

async function provide(
  engine: Engine,
  kinds: readonly ImageKind[],
  options: EnsureImagesOptions,
): Promise<void> {
  const { source } = options;
  if (source.kind === "file") {
    await loadBundledImages(engine, source.path, { ...options, kinds });
    return;
  }
  for (const kind of kinds) {
    if (source.kind === "registry") await pullPinned(engine, kind, source.pinned[kind], options);
    else await build(engine, kind, options);
    options.progress(`image ${kind}: done`);
  }
}

async function build(engine: Engine, kind: ImageKind, options: EnsureImagesOptions): Promise<void> {
  await ensureBaseImage(engine, options);
  options.progress(`image ${kind}: building ${imageReference(kind)}`);
  await buildImage(engine, kind, {
    host: { certificates: await hostCertificates(options.read), read: options.read },
    progress: options.progress,
    refresh: options.refresh ?? false,
    deadlineMs: BUILD_DEADLINE_MS,
    ...(options.signal ? { signal: options.signal } : {}),
  });
}

async function prune(engine: Engine, progress: Progress): Promise<void> {
  progress("removing intermediate stages of the builds");
  await pruneStages(engine);
  for (const kind of IMAGE_KINDS) {
    for (const name of await pruneImages(engine, kind)) progress(`removed the superseded image ${name}`);
  }
}
