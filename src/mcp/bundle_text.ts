/** A MIME bundle as a model reads it: one text, and at most one picture. */
import type { MimeBundle } from "../agent_protocol/messages/mod.ts";
import { imageBase64 } from "./image.ts";
import { IMAGE_TYPES, type ImageType } from "./image_types.ts";

/** Read as they are, best first. Where only an object's name is known, the kernel has put what a reader can use into the plain text. */
const READABLE = ["text/plain", "text/markdown", "text/latex"] as const;

/** A picture that a client can show. */
export interface Picture {
  readonly mimeType: ImageType;
  readonly data: string;
}

/**
 * @param data The bundle.
 * @returns Its text, or an empty one.
 */
export function bundleText(data: MimeBundle): string {
  for (const mime of READABLE) {
    const value = data[mime];
    if (value !== undefined) return value;
  }
  return "";
}

/**
 * @param data The bundle.
 * @returns Its picture, why there is none although one was said to be there, or undefined.
 */
export function bundlePicture(data: MimeBundle): Picture | string | undefined {
  const problems: string[] = [];
  for (const mimeType of IMAGE_TYPES) {
    const value = data[mimeType];
    if (value === undefined) continue;
    const image = imageBase64(mimeType, value);
    if (typeof image !== "string") problems.push(image.problem);
    else return { mimeType, data: image };
  }
  return problems[0];
}
