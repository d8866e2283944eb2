import { createHash, type Hash } from "node:crypto";
import * as z from "zod";
import { OmcpError } from "../errors.ts";
import { concatBytes } from "../lib/bytes.ts";
import { parsedJson } from "../lib/parsed_json.ts";
import {
  type BundleDescription,
  bundleDescription,
  DESCRIPTION,
  imageMember,
  MAX_MEMBERS,
  MEMBER_PATH,
  SUMS,
} from "./bundle_format.ts";
import { damaged, readTar, shown, type TarMember } from "./tar_reader.ts";

/** An archive whose every byte has been checked. */
export interface VerifiedBundle {
  readonly description: BundleDescription;
  /** Where each member's content is in the file. */
  readonly members: ReadonlyMap<string, { readonly offset: number; readonly size: number }>;
  /** The hash of the whole file, in hexadecimal. */
  readonly sha256: string;
}

/** The largest small member (description, checksums, an image's manifest), in bytes. */
const MAX_SMALL = 1024 * 1024;
/** The largest image, unpacked, in bytes: a small archive must not keep the check busy forever. */
const MAX_IMAGE = 64 * 1024 ** 3;

/** `manifest.json` of `docker save`. */
const savedImages = z.tuple([z.object({ RepoTags: z.array(z.string()).nullable() })]);

/**
 * Reads a whole archive of `omcp bundle` and checks its members and checksums. It also checks that each image's file has this image under this name
 * and nothing else, because the engine loads everything that is in it. It holds one chunk at a time.
 *
 * @param file The open archive, at its beginning; it is left open, anywhere.
 * @param onBytes Receives how many bytes have been read.
 * @returns What the archive holds.
 * @throws {OmcpError} `invalid_argument` for an archive that is damaged, ends early, or is something else.
 */
export async function verifyBundle(
  file: Deno.FsFile,
  onBytes: (bytes: number) => void = () => {},
): Promise<VerifiedBundle> {
  const whole = createHash("sha256");
  const members = new Map<string, { offset: number; size: number }>();
  const found = new Map<string, string>();
  let description: BundleDescription | undefined;
  let sums: ReadonlyMap<string, string> | undefined;
  for await (const member of readTar(ReadableStream.from(chunks(file, whole, onBytes)))) {
    const { path, offset, size } = member;
    checkMember(member, { first: description === undefined, after: sums !== undefined });
    if (members.has(path)) throw damaged(`it has ${shown(path)} twice`);
    if (members.size >= MAX_MEMBERS) throw damaged(`it has more than ${MAX_MEMBERS} members`);
    members.set(path, { offset, size });
    if (path === SUMS) {
      sums = parseSums(await smallText(member, member.content));
      continue;
    }
    const hash = createHash("sha256");
    const content = hashed(member.content, hash);
    if (path === DESCRIPTION) description = parseDescription(await smallText(member, content));
    const image = description?.images.find(({ kind }) => imageMember(kind) === path);
    if (image !== undefined) await checkImage(content, image.reference);
    for await (const _rest of content) { /* What the check did not need is hashed, too. */ }
    found.set(path, hash.digest("hex"));
  }
  if (description === undefined || sums === undefined) throw damaged("it is not one of `omcp bundle`");
  compare(found, sums);
  for (const { kind } of description.images) {
    if (!members.has(imageMember(kind))) throw damaged(`it lacks ${imageMember(kind)}`);
  }
  return { description, members, sha256: whole.digest("hex") };
}

async function* chunks(
  file: Deno.FsFile,
  hash: Hash,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let total = 0;
  for (;;) {
    const chunk = new Uint8Array(256 * 1024);
    const size = await file.read(chunk);
    if (size === null) return;
    const part = chunk.subarray(0, size);
    hash.update(part);
    onBytes(total += size);
    yield part;
  }
}

function checkMember({ path, type }: TarMember, at: { first: boolean; after: boolean }): void {
  if (at.first && path !== DESCRIPTION) throw damaged("it is not one of `omcp bundle`");
  if (at.after) throw damaged(`it has ${shown(path)} after its checksums`);
  if (type !== "file") throw damaged(`${shown(path)} is not a regular file`);
  if (path !== DESCRIPTION && path !== SUMS && !MEMBER_PATH.test(path)) {
    throw damaged(`it has a member named ${shown(path)}`);
  }
}

async function* hashed(
  content: AsyncIterable<Uint8Array>,
  hash: Hash,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const chunk of content) {
    hash.update(chunk);
    yield new Uint8Array(chunk);
  }
}

async function smallText(
  { path, size }: Pick<TarMember, "path" | "size">,
  content: AsyncIterable<Uint8Array>,
): Promise<string> {
  if (size > MAX_SMALL) throw damaged(`${shown(path)} has ${size} bytes`);
  const parts: Uint8Array[] = [];
  for await (const chunk of content) parts.push(chunk);
  return new TextDecoder().decode(concatBytes(parts));
}

function parseDescription(text: string): BundleDescription {
  const parsed = bundleDescription.safeParse(parsedJson(text));
  if (!parsed.success) throw damaged(`${DESCRIPTION} is not of the format that this version reads`);
  return parsed.data;
}

/** Lines as `sha256sum` writes them. */
function parseSums(text: string): ReadonlyMap<string, string> {
  const sums = new Map<string, string>();
  for (const line of text.split("\n").slice(0, -1)) {
    const [, sum, path] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? [];
    if (sum === undefined || path === undefined || sums.has(path)) throw damaged(`${SUMS} has a wrong line`);
    sums.set(path, sum);
  }
  return sums;
}

function compare(found: ReadonlyMap<string, string>, sums: ReadonlyMap<string, string>): void {
  for (const path of new Set([...found.keys(), ...sums.keys()])) {
    if (found.get(path) !== sums.get(path)) throw damaged(`${shown(path)} differs from its checksum`);
  }
}

/** Checks that an image's file, as `docker save` writes it, holds one image with one name. */
async function checkImage(
  content: AsyncGenerator<Uint8Array<ArrayBuffer>>,
  reference: string,
): Promise<void> {
  let names: readonly string[] | undefined;
  let size = 0;
  const unpacked = ReadableStream.from(keepOpen(content)).pipeThrough(new DecompressionStream("gzip"));
  try {
    for await (const member of readTar(unpacked)) {
      size += member.size;
      if (size > MAX_IMAGE) throw damaged(`${reference} has more than ${MAX_IMAGE} bytes`);
      if (member.path.replace(/^(?:\.?\/)+/, "") !== "manifest.json") continue;
      if (names !== undefined || member.type !== "file") throw damaged(`${reference} has two manifests`);
      const parsed = savedImages.safeParse(parsedJson(await smallText(member, member.content)));
      if (!parsed.success) throw damaged(`the manifest of ${reference} is not that of one image`);
      names = parsed.data[0].RepoTags ?? [];
    }
  } catch (error) {
    if (error instanceof OmcpError) throw error;
    throw damaged(`${reference} cannot be unpacked`, error);
  }
  if (names?.length !== 1 || names[0] !== reference) {
    throw damaged(
      `the file of ${reference} holds ${names === undefined ? "no image" : shown(names.join(", "))}`,
    );
  }
}

/** So that the end of one reader does not end the generator, which the caller reads to its end. */
async function* keepOpen<T>(source: AsyncGenerator<T>): AsyncGenerator<T> {
  for (let next = await source.next(); !next.done; next = await source.next()) yield next.value;
}
