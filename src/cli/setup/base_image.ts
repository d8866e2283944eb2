import type { Engine } from "../../docker/mod.ts";
import { OmcpError } from "../../errors.ts";
import { runCommand } from "./command.ts";
import { installPackages } from "./distribution.ts";
import type { Progress } from "./progress.ts";
import { ProgressDigest } from "./progress.ts";

/** The image that this program's images are built on. */
export const BASE_IMAGE = "debian:trixie-slim";

/** Options of {@link ensureBaseImage}. */
export interface BaseImageOptions {
  readonly progress: Progress;
  readonly signal?: AbortSignal;
  /** The image's name; another one is for tests. @default BASE_IMAGE */
  readonly reference?: string;
}

/** How long a pull may make no progress before it is abandoned, in milliseconds. */
const PULL_SILENCE_MS = 20_000;
/** The deadline of mmdebstrap, in milliseconds: it fetches and unpacks about 40 MB. */
const BOOTSTRAP_DEADLINE_MS = 15 * 60_000;

/** As in the registries' slim images: without manuals and translations, with licences. */
const SLIM = [
  "path-exclude=/usr/share/doc/*",
  "path-include=/usr/share/doc/*/copyright",
  "path-exclude=/usr/share/info/*",
  "path-exclude=/usr/share/locale/*",
  "path-exclude=/usr/share/man/*",
] as const;

/**
 * Ensures that the engine has the base image: keeps the one that exists, else pulls it, else creates it with the distribution's bootstrap tool.
 *
 * @param engine The engine.
 * @param options Progress and a name.
 * @throws {OmcpError} `image_missing` if it can be neither pulled nor created.
 */
export async function ensureBaseImage(engine: Engine, options: BaseImageOptions): Promise<void> {
  const reference = options.reference ?? BASE_IMAGE;
  const call = options.signal ? { signal: options.signal } : {};
  if (await engine.inspectImage(reference, call)) return;
  options.progress(`base image ${reference} is missing; pulling it`);
  const refusal = await pull(engine, reference, options);
  if (refusal === undefined) return;
  options.signal?.throwIfAborted();
  options.progress(`cannot pull it (${refusal}); creating it with mmdebstrap`);
  await bootstrapBaseImage(engine, options);
}

/** Pulls the image. Returns undefined, or why that failed. */
async function pull(
  engine: Engine,
  reference: string,
  options: BaseImageOptions,
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
    if (!(error instanceof OmcpError)) throw error;
    return silence.signal.aborted
      ? `its registry did not respond for ${PULL_SILENCE_MS / 1000} s`
      : error.message.slice(0, 300);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Creates the base image with mmdebstrap, which it first installs where that is possible, and imports it.
 *
 * @param engine The engine.
 * @param options Progress and a name.
 * @throws {OmcpError} `image_missing` if mmdebstrap cannot be installed or fails.
 */
export async function bootstrapBaseImage(engine: Engine, options: BaseImageOptions): Promise<void> {
  const reference = options.reference ?? BASE_IMAGE;
  using digest = new ProgressDigest({ progress: options.progress, title: "mmdebstrap" });
  const folder = await Deno.makeTempDir({ prefix: "omcp-base-" });
  try {
    const archive = `${folder}/base.tar`;
    let end = await mmdebstrap(archive, digest, options);
    if (end.kind === "absent") {
      await installPackages(["mmdebstrap", "debian-archive-keyring"], options);
      end = await mmdebstrap(archive, digest, options);
    }
    if (end.kind !== "exited" || end.code !== 0) throw missing(reference, end.kind, digest.tail);
    const file = await Deno.open(archive, { read: true });
    await engine.importImage(file.readable, {
      tag: reference,
      changes: ['CMD ["bash"]'],
      ...(options.signal ? { signal: options.signal } : {}),
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function mmdebstrap(
  archive: string,
  digest: ProgressDigest,
  options: BaseImageOptions,
): ReturnType<typeof runCommand> {
  return runCommand(
    [
      "mmdebstrap",
      "--variant=minbase",
      '--aptopt=Acquire::Languages "none"',
      ...SLIM.map((rule) => `--dpkgopt=${rule}`),
      "trixie",
      archive,
    ],
    {
      deadlineMs: BOOTSTRAP_DEADLINE_MS,
      env: { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" },
      onLine(line) {
        digest.line(line);
      },
      ...(options.signal ? { signal: options.signal } : {}),
    },
  );
}

function missing(reference: string, how: string, log: readonly string[]): OmcpError {
  const why = how === "absent"
    ? "mmdebstrap is not installed"
    : how === "timeout"
    ? "mmdebstrap timed out"
    : "mmdebstrap failed";
  return new OmcpError(
    "image_missing",
    `Cannot get the base image ${reference}: it cannot be pulled, and ${why}`,
    {
      state: "No image was created.",
      next:
        `Load it into the engine by hand: \`docker load\` from a file, or pull it from the site's own registry and \`docker tag\` it ${reference}; then run the set-up again.`,
      details: { log },
    },
  );
}
