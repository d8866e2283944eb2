/** Checks pictures from a sandbox: a client refuses the whole result if one of them is damaged. */
import { imageSize } from "./image_size.ts";
import { IMAGE_TYPES, type ImageType } from "./image_types.ts";
import { readableBytes } from "../lib/text.ts";

/** Largest picture, in bytes: clients and model providers refuse or shrink larger ones. */
export const MAX_IMAGE_BYTES = 1024 * 1024;

/** Longest side, in pixels: model providers refuse or shrink larger pictures, and a few bytes can encode a gigabyte of pixels. */
const MAX_SIDE = 1568;

/** The first bytes of each kind. WebP has a second mark, after its size: see {@link hasSignature}. */
const SIGNATURES = {
  "image/png": [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
  "image/jpeg": [0xff, 0xd8, 0xff],
  "image/webp": [0x52, 0x49, 0x46, 0x46],
  "image/gif": [0x47, 0x49, 0x46, 0x38],
} as const satisfies Record<ImageType, readonly number[]>;
const WEBP_AT_8 = [0x57, 0x45, 0x42, 0x50];

/**
 * Checks a picture.
 *
 * @param mimeType Its declared type.
 * @param text Its bytes in base64; white space is ignored.
 * @returns Clean base64, or why it is not shown.
 */
export function imageBase64(mimeType: ImageType, text: string): string | { readonly problem: string } {
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.fromBase64(text);
  } catch {
    return { problem: `not shown: invalid base64 of ${mimeType}` };
  }
  const problem = pictureProblem(mimeType, bytes);
  return problem === undefined ? bytes.toBase64() : { problem };
}

/**
 * Checks a picture's bytes.
 *
 * @param mimeType Its declared type.
 * @param bytes All of them.
 * @returns Why it is not shown; undefined if it can be.
 */
export function pictureProblem(mimeType: ImageType, bytes: Uint8Array): string | undefined {
  if (!hasSignature(mimeType, bytes)) return `not shown: its bytes are not ${mimeType}`;
  if (bytes.length > MAX_IMAGE_BYTES) {
    const size = `${readableBytes(bytes.length)}, at most ${readableBytes(MAX_IMAGE_BYTES)} can be shown`;
    return `${mimeType} not shown: ${size}; make it smaller`;
  }
  const size = imageSize(mimeType, bytes);
  if (size === undefined || size.width === 0 || size.height === 0) {
    return `not shown: a damaged ${mimeType}`;
  }
  if (Math.max(size.width, size.height) > MAX_SIDE) {
    const pixels = `${size.width} x ${size.height} pixels, at most ${MAX_SIDE} a side can be shown`;
    return `${mimeType} not shown: ${pixels}; make it smaller`;
  }
  return undefined;
}

/**
 * Finds a picture's kind.
 *
 * @param bytes Its first bytes, at least 12.
 * @returns The kind; undefined if it is not one that clients show.
 */
export function pictureType(bytes: Uint8Array): ImageType | undefined {
  return IMAGE_TYPES.find((type) => hasSignature(type, bytes));
}

function hasSignature(mimeType: ImageType, bytes: Uint8Array): boolean {
  const begins = SIGNATURES[mimeType].every((byte, index) => bytes[index] === byte);
  return begins && (mimeType !== "image/webp" || WEBP_AT_8.every((byte, index) => bytes[8 + index] === byte));
}
