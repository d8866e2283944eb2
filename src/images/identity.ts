import { hashParts } from "../lib/hash_parts.ts";
import { imageFiles } from "./files.ts";
import type { ImageKind } from "./kinds.ts";
import { SAMPLE_FINGERPRINT } from "./sample_fingerprint.ts";

/** Label: which of our images it is; the value is an {@link ImageKind}. */
export const LABEL_IMAGE = "org.omcp.image";
/** Label: the hash of what the image was built from. */
export const LABEL_CONTENT = "org.omcp.content";
/** Label of the Postgres image: the hash of the sample's data. */
export const LABEL_SAMPLE = "org.omcp.sample";
/** Label of the images that the builds' stages leave behind. */
export const LABEL_STAGE = "org.omcp.stage";

/** Raise this to rebuild the images although none of their files has changed. */
const RECIPE = 1;

/** Hexadecimal digits of the hash in an image's name. */
const DIGITS = 12;

const computed = new Map<ImageKind, string>();

/**
 * The hash of all that an image is built from, except what the host adds to reach a network (certificates, index, proxies). It reads
 * no file and needs no permission: the sources are embedded.
 *
 * @param kind Which image.
 * @returns SHA-256 in hexadecimal.
 */
export function contentHash(kind: ImageKind): string {
  const known = computed.get(kind);
  if (known !== undefined) return known;
  const parts = imageFiles(kind).flatMap((file) => [file.path, file.text]);
  const hash = hashParts([
    `recipe ${RECIPE}`,
    kind,
    ...parts,
    kind === "postgres" ? SAMPLE_FINGERPRINT : "",
  ]);
  computed.set(kind, hash);
  return hash;
}

/**
 * The name that set-up gives an image, and by which the server finds it in the engine.
 *
 * @param kind Which image.
 * @returns Such as `omcp-python:0123456789ab`.
 */
export function imageReference(kind: ImageKind): string {
  return `omcp-${kind}:${contentHash(kind).slice(0, DIGITS)}`;
}
