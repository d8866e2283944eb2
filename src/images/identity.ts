import { createHash } from "node:crypto";
import { imageFiles } from "./files.ts";
import type { ImageKind } from "./kinds.ts";
import { SAMPLE_FINGERPRINT } from "./sample_fingerprint.ts";

/** Label: which of our images it is; the value is an {@link ImageKind}. */
export const LABEL_IMAGE = "org.omcp.image";
/** Label: the hash of what the image was made from. */
export const LABEL_CONTENT = "org.omcp.content";
/** Label of the Postgres image: the hash of the sample's data. */
export const LABEL_SAMPLE = "org.omcp.sample";
/** Label of what the builds' stages leave behind. */
export const LABEL_STAGE = "org.omcp.stage";

/** To be raised when images must be made anew although none of their files has changed. */
const RECIPE = 1;

/** Hexadecimal digits of a hash that stand in an image's name. */
const DIGITS = 12;

const computed = new Map<ImageKind, string>();

/**
 * The hash of all that an image is made from, but for what the host adds to reach a network (certificates, index, proxies). It
 * needs no file and no permission: the sources are embedded.
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
 * The name under which set-up leaves an image in the engine, and under which it is looked for.
 *
 * @param kind Which image.
 * @returns Such as `omcp-python:0123456789ab`.
 */
export function imageReference(kind: ImageKind): string {
  return `omcp-${kind}:${contentHash(kind).slice(0, DIGITS)}`;
}

/**
 * Hashes a list of texts so that no other list has the same hash: each is preceded by its length.
 *
 * @param parts The texts.
 * @returns SHA-256 in hexadecimal.
 */
export function hashParts(parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    const bytes = new TextEncoder().encode(part);
    hash.update(`${bytes.length}:`).update(bytes);
  }
  return hash.digest("hex");
}
