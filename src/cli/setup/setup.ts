import type { Engine } from "../../docker/mod.ts";
import { ensureBaseImage } from "./base_image.ts";
import { buildImage } from "./build.ts";
import { hostCertificates } from "../../lib/host_certificates.ts";
import { ensureEngine } from "./engine.ts";
import { IMAGE_KINDS, type ImageKind } from "../../images/kinds.ts";
import { contentHash, imageReference, LABEL_CONTENT } from "../../images/identity.ts";
import { setupLockPath, withLock } from "./lock.ts";
import type { Progress } from "./progress.ts";
import { pruneImages, pruneStages } from "./prune.ts";

/** Options of {@link setUp}. */
export interface SetUpOptions {
  /** Receives a line for each step; no line if nothing is missing. */
  readonly progress: Progress;
  /** Looks up an environment variable. */
  readonly read: (name: string) => string | undefined;
  /** Rebuilds existing images, with the distribution's newest packages. @default false */
  readonly refresh?: boolean;
  /** Stops the set-up; the engine keeps finished steps. */
  readonly signal?: AbortSignal;
}

/** The result of a set-up. */
export interface SetUpResult {
  /** The images' names, and whether this set-up built them. */
  readonly images: Readonly<Record<ImageKind, { readonly reference: string; readonly built: boolean }>>;
}

/** Milliseconds to wait for another set-up. */
const LOCK_DEADLINE_MS = 60 * 60_000;
/** Milliseconds that one image may take. */
const BUILD_DEADLINE_MS = 45 * 60_000;

/**
 * Ensures that an engine responds and has both images. Changes nothing if nothing is missing.
 *
 * @param options Progress, environment.
 * @returns The images.
 * @throws {OmcpError} With what is missing and what to do.
 */
export async function setUp(options: SetUpOptions): Promise<SetUpResult> {
  return await withLock(
    { ...options, path: setupLockPath(options.read), deadlineMs: LOCK_DEADLINE_MS },
    async function work() {
      const engine = await ensureEngine(options);
      try {
        const images = {
          python: await ensureImage(engine, "python", options),
          postgres: await ensureImage(engine, "postgres", options),
        };
        if (IMAGE_KINDS.some((kind) => images[kind].built)) await prune(engine, options.progress);
        return { images };
      } finally {
        engine.close();
      }
    },
  );
}

async function ensureImage(
  engine: Engine,
  kind: ImageKind,
  options: SetUpOptions,
): Promise<{ reference: string; built: boolean }> {
  const reference = imageReference(kind);
  const call = options.signal ? { signal: options.signal } : {};
  const present = await engine.inspectImage(reference, call);
  const current = present?.labels[LABEL_CONTENT] === contentHash(kind);
  if (current && !options.refresh) return { reference, built: false };
  await ensureBaseImage(engine, options);
  options.progress(`image ${kind}: building ${reference}`);
  await buildImage(engine, kind, {
    host: { certificates: await hostCertificates(options.read), read: options.read },
    progress: options.progress,
    refresh: options.refresh ?? false,
    deadlineMs: BUILD_DEADLINE_MS,
    ...call,
  });
  options.progress(`image ${kind}: done`);
  return { reference, built: true };
}

async function prune(engine: Engine, progress: Progress): Promise<void> {
  progress("removing intermediate stages of the builds");
  await pruneStages(engine);
  for (const kind of IMAGE_KINDS) {
    for (const name of await pruneImages(engine, kind)) progress(`removed the superseded image ${name}`);
  }
}
