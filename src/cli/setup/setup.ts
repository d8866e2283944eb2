import { readImageSource } from "../../app/config.ts";
import { ensureImages, type Progress } from "../../image_setup/mod.ts";
import { imageReference } from "../../images/identity.ts";
import { IMAGE_KINDS, type ImageKind } from "../../images/kinds.ts";
import { bootstrapBaseImage } from "./bootstrap.ts";
import { ensureEngine } from "./engine.ts";
import { setupLockPath, withLock } from "./lock.ts";

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
  /** The images' names, and whether this set-up built, pulled or loaded them. */
  readonly images: Readonly<Record<ImageKind, { readonly reference: string; readonly built: boolean }>>;
}

/** Milliseconds to wait for another set-up. */
export const LOCK_DEADLINE_MS = 60 * 60_000;

/**
 * Ensures that an engine responds and has both images. Changes nothing if nothing is missing.
 *
 * @param options Progress, environment.
 * @returns The images.
 * @throws {OmcpError} With what is missing and what to do.
 */
export async function setUp(options: SetUpOptions): Promise<SetUpResult> {
  const source = options.refresh ? { kind: "build" } as const : readImageSource(options.read);
  return await withLock(
    { ...options, path: setupLockPath(options.read), deadlineMs: LOCK_DEADLINE_MS },
    async function work() {
      const engine = await ensureEngine(options);
      try {
        const built = await ensureImages(engine, IMAGE_KINDS, {
          ...options,
          source,
          bootstrap: bootstrapBaseImage,
        });
        const result = (kind: ImageKind) => ({ reference: imageReference(kind), built: built.has(kind) });
        return { images: { python: result("python"), postgres: result("postgres") } };
      } finally {
        engine.close();
      }
    },
  );
}
