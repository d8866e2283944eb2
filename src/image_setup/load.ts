import { ownCommand } from "../lib/own_command.ts";
import type { Engine } from "../docker/mod.ts";
import { OmcpError } from "../errors.ts";
import { errorMessage } from "../lib/error_message.ts";
import { contentHash, imageReference } from "../images/identity.ts";
import type { ImageKind } from "../images/kinds.ts";
import { imageMember } from "./bundle_format.ts";
import { isCurrent } from "./current.ts";
import { type Progress, ProgressDigest } from "./progress.ts";
import { damaged } from "./tar_reader.ts";
import { type VerifiedBundle, verifyBundle } from "./verify_bundle.ts";

/** Options of {@link loadBundledImages}. */
export interface LoadOptions {
  /** Which images. */
  readonly kinds: readonly ImageKind[];
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Milliseconds that one image may take. */
const LOAD_DEADLINE_MS = 60 * 60_000;
/** Bytes between two lines of progress. */
const REPORT_EVERY = 200 * 1024 * 1024;
const CHUNK = 256 * 1024;

/**
 * Loads images from an archive of `omcp bundle` into the engine, after the whole archive has been checked.
 *
 * @param engine The engine.
 * @param path The archive.
 * @param options Which images, progress.
 * @returns What the archive holds.
 * @throws {OmcpError} `invalid_argument` for a damaged or foreign archive, `image_missing` for one that cannot be read or is of another
 * version; nothing was loaded then.
 */
export async function loadBundledImages(
  engine: Engine,
  path: string,
  options: LoadOptions,
): Promise<VerifiedBundle> {
  const { kinds, progress, signal } = options;
  using file = await openArchive(path);
  progress(`checking ${path}`);
  let reported = 0;
  const bundle = await verifyBundle(file, (bytes) => {
    signal?.throwIfAborted();
    if (bytes - reported < REPORT_EVERY) return;
    reported = bytes;
    progress(`checking ${path}: ${Math.floor(bytes / 1024 / 1024)} MiB`);
  });
  for (const kind of kinds) requireKind(bundle, kind, path);
  for (const kind of kinds) {
    const member = bundle.members.get(imageMember(kind));
    if (member === undefined) throw damaged(`it lacks ${imageMember(kind)}`);
    await file.seek(member.offset, Deno.SeekMode.Start);
    progress(`image ${kind}: loading ${imageReference(kind)}`);
    await load(engine, part(file, member.size), options);
    await requireLoaded(engine, kind, path);
    progress(`image ${kind}: loaded`);
  }
  return bundle;
}

async function openArchive(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, { read: true });
  } catch (cause) {
    throw new OmcpError("image_missing", `Cannot read the archive ${path}: ${errorMessage(cause)}`, {
      state: "Nothing was loaded.",
      next: "Correct its path or its permissions.",
      cause,
    });
  }
}

function requireKind({ description }: VerifiedBundle, kind: ImageKind, path: string): void {
  const image = description.images.find((each) => each.kind === kind);
  if (image?.content === contentHash(kind) && image.reference === imageReference(kind)) return;
  throw new OmcpError(
    "image_missing",
    image === undefined
      ? `The archive ${path} has no image for ${kind}`
      : `The archive ${path} is of version ${description.version}, whose image for ${kind} is another one`,
    {
      state: "Nothing was loaded.",
      next: `Write an archive with \`${ownCommand("bundle FILE")}\` of this version of the program.`,
      details: { image: imageReference(kind) },
    },
  );
}

async function load(
  engine: Engine,
  archive: ReadableStream<Uint8Array>,
  { progress, signal }: LoadOptions,
): Promise<void> {
  using digest = new ProgressDigest({ progress, title: "engine" });
  await engine.loadImages(archive, {
    deadlineMs: LOAD_DEADLINE_MS,
    onProgress: (line) => digest.line(line),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** The next bytes of a file. */
function part(file: Deno.FsFile, size: number): ReadableStream<Uint8Array> {
  let left = size;
  return new ReadableStream({
    async pull(controller) {
      const chunk = new Uint8Array(Math.min(left, CHUNK));
      const read = left === 0 ? null : await file.read(chunk);
      if (read === null) {
        if (left > 0) controller.error(damaged("it became shorter while it was read"));
        else controller.close();
        return;
      }
      left -= read;
      controller.enqueue(chunk.subarray(0, read));
    },
  }, { highWaterMark: 0 });
}

/** The engine has what the label says; an image that says otherwise must not keep the name. */
async function requireLoaded(engine: Engine, kind: ImageKind, path: string): Promise<void> {
  const reference = imageReference(kind);
  if (await isCurrent(engine, kind, reference)) return;
  await engine.removeImage(reference).catch(() => {});
  throw new OmcpError("image_missing", `The image ${reference} in ${path} is not what its name says`, {
    state: "It was removed from the engine again.",
    next: `Write an archive with \`${ownCommand("bundle FILE")}\` of this version of the program.`,
    details: { image: reference },
  });
}
