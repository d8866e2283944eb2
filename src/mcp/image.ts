/** Pictures from a sandbox, looked at before a client gets them: one that is none would make it refuse the whole result. */

/** The first bytes of each kind. */
const SIGNATURES = {
  "image/png": [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
  "image/jpeg": [0xff, 0xd8, 0xff],
} as const;

/** Kinds of pictures that clients show. */
export type ImageType = keyof typeof SIGNATURES;

/** The same as a list. */
export const IMAGE_TYPES: readonly ImageType[] = ["image/png", "image/jpeg"];

/**
 * Checks a picture.
 *
 * @param mimeType What it is said to be.
 * @param text Its bytes in base64; white space does not count.
 * @returns Clean base64, or undefined where it is no picture of that kind.
 */
export function imageBase64(mimeType: ImageType, text: string): string | undefined {
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.fromBase64(text);
  } catch {
    return undefined;
  }
  if (!SIGNATURES[mimeType].every((byte, index) => bytes[index] === byte)) return undefined;
  return bytes.toBase64();
}
