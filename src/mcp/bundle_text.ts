/** A MIME bundle for a model: one text, and at most one picture. */
import type { MimeBundle } from "../agent_protocol/messages/mod.ts";
import { imageBase64 } from "./image.ts";
import { IMAGE_TYPES, type ImageType } from "./image_types.ts";

/** Representations that are shown as text, best first. If an object's text/plain would only be its name, the kernel has replaced it by a description. */
const READABLE = ["text/plain", "text/markdown", "text/latex"] as const;

/** A picture that a client can show. */
export interface Picture {
  readonly mimeType: ImageType;
  readonly data: string;
}

/**
 * Chooses the text.
 *
 * @param data The bundle.
 * @returns Its text; empty if it has none.
 */
export function bundleText(data: MimeBundle): string {
  for (const mime of READABLE) {
    const value = data[mime];
    if (value !== undefined) return value;
  }
  return "";
}

/**
 * Chooses the picture.
 *
 * @param data The bundle.
 * @returns Its picture; why it cannot be shown, as text; or undefined if it has none.
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
