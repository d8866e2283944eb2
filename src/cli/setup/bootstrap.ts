import type { Engine } from "../../docker/mod.ts";
import { OmcpError } from "../../errors.ts";
import { runCommand } from "./command.ts";
import { installPackages } from "./distribution.ts";
import { BASE_IMAGE, type BaseImageOptions, ProgressDigest } from "../../image_setup/mod.ts";

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
 * Creates the base image with mmdebstrap, which it first installs if that is possible, and imports it.
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
