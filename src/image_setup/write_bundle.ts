import { createHash } from "node:crypto";
import { createGzip } from "node:zlib";
import { pipeline, Readable } from "node:stream";
import type { Engine } from "../docker/mod.ts";
import { OmcpError } from "../errors.ts";
import { contentHash, imageReference } from "../images/identity.ts";
import type { ImageKind } from "../images/kinds.ts";
import { writeAll } from "../lib/connection.ts";
import { ownCommand } from "../lib/own_command.ts";
import { VERSION } from "../version.ts";
import { type BundleDescription, DESCRIPTION, imageMember, SUMS } from "./bundle_format.ts";
import { isCurrent } from "./current.ts";
import type { Progress } from "./progress.ts";
import { TAR_BLOCK, tarHeader } from "./tar.ts";

/** A file of the program that goes into an archive. */
export interface ProgramFile {
  /** Its name in the archive. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** Opens its content. */
  readonly open: () => Promise<ReadableStream<Uint8Array>>;
}

/** Options of {@link writeBundle}. */
export interface WriteBundleOptions {
  readonly engine: Engine;
  /** Which images. */
  readonly kinds: readonly ImageKind[];
  /** The program and what it needs. */
  readonly program: readonly ProgramFile[];
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** zlib's fastest level: the others take several times as long for a tenth less. */
const GZIP_LEVEL = 1;
/** Milliseconds that one image may take. */
const SAVE_DEADLINE_MS = 60 * 60_000;

/**
 * Writes program and images into an archive, as a stream: memory does not depend on their size.
 *
 * @param file An empty file, open for writing; it is left open.
 * @param options What goes into it.
 * @throws {OmcpError} `image_missing` if the engine lacks an image of this version; the engine's errors. The file is then incomplete.
 */
export async function writeBundle(file: Deno.FsFile, options: WriteBundleOptions): Promise<void> {
  const { engine, kinds, program, progress, signal } = options;
  for (const kind of kinds) {
    if (!await isCurrent(engine, kind, imageReference(kind), signal)) throw missing(imageReference(kind));
  }
  const archive = new ArchiveFile(file);
  const description: BundleDescription = {
    format: 1,
    version: VERSION,
    images: kinds.map((kind) => ({ kind, reference: imageReference(kind), content: contentHash(kind) })),
  };
  await archive.add(DESCRIPTION, textStream(`${JSON.stringify(description, null, 2)}\n`));
  for (const { path, mode, open } of program) {
    progress(`adding ${path}`);
    await archive.add(path, await open(), mode);
  }
  for (const kind of kinds) {
    progress(`adding the image ${imageReference(kind)}`);
    await engine.saveImage(imageReference(kind), async (saved) => {
      // Node's, because the web's stream has no level.
      // An error of either ends the loop that reads the result.
      const packed = pipeline(Readable.from(saved), createGzip({ level: GZIP_LEVEL }), () => {});
      await archive.add(imageMember(kind), packed);
    }, { deadlineMs: SAVE_DEADLINE_MS, ...(signal === undefined ? {} : { signal }) });
  }
  await archive.end();
}

/** A tar archive in a file, whose headers are written when their member's size is known. */
class ArchiveFile {
  readonly #file: Deno.FsFile;
  readonly #sums: string[] = [];
  #position = 0;

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  async add(path: string, content: AsyncIterable<Uint8Array>, mode = 0o644): Promise<void> {
    const start = this.#position;
    // Checks the path before anything is written.
    await this.#write(tarHeader(path, { size: 0, mode, type: "0" }));
    const hash = createHash("sha256");
    for await (const chunk of content) {
      hash.update(chunk);
      await this.#write(chunk);
    }
    const size = this.#position - start - TAR_BLOCK;
    if (size % TAR_BLOCK !== 0) await this.#write(new Uint8Array(TAR_BLOCK - size % TAR_BLOCK));
    const end = this.#position;
    await this.#seek(start);
    await this.#write(tarHeader(path, { size, mode, type: "0" }));
    await this.#seek(end);
    this.#sums.push(`${hash.digest("hex")}  ${path}\n`);
  }

  async end(): Promise<void> {
    await this.add(SUMS, textStream(this.#sums.join("")));
    await this.#write(new Uint8Array(2 * TAR_BLOCK));
  }

  async #seek(position: number): Promise<void> {
    await this.#file.seek(position, Deno.SeekMode.Start);
    this.#position = position;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await writeAll(this.#file, bytes);
    this.#position += bytes.length;
  }
}

function textStream(text: string): ReadableStream<Uint8Array> {
  return ReadableStream.from([new TextEncoder().encode(text)]);
}

function missing(reference: string): OmcpError {
  return new OmcpError(
    "image_missing",
    `Cannot write the archive: the engine has no image ${reference} of this version`,
    {
      state: "Nothing was written.",
      next: `Run \`${ownCommand("setup")}\`, then write the archive again.`,
      details: { image: reference },
    },
  );
}
