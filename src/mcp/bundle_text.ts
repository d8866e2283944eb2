/** A MIME bundle as a model reads it: one text, and at most one picture. */
import type { MimeBundle } from "../sandbox/cell.ts";
import { IMAGE_TYPES, imageBase64, type ImageType } from "./image.ts";
import { readableBytes } from "./text.ts";

/** The repr of an object that has more to show than its name. */
const OPAQUE = /^<[\w.]+(?: object| at 0x[0-9a-f]+| object at 0x[0-9a-f]+)>$/;
/** Read as they are, best first. */
const READABLE = ["text/markdown", "text/latex"] as const;

/** A picture that a client can show. */
export interface Picture {
  readonly mimeType: ImageType;
  readonly data: string;
}

/**
 * @param data The bundle.
 * @returns Plain text where it says something; else Markdown, LaTeX or JSON; else kind and size of what there is.
 */
export function bundleText(data: MimeBundle): string {
  const plain = data["text/plain"];
  if (typeof plain === "string" && !OPAQUE.test(plain)) return plain;
  for (const mime of READABLE) {
    const value = data[mime];
    if (typeof value === "string") return value;
  }
  const json = data["application/json"];
  if (json !== undefined) return JSON.stringify(json);
  return otherKinds(data) || (typeof plain === "string" ? plain : "");
}

function otherKinds(data: MimeBundle): string {
  const kinds = Object.entries(data).flatMap(([mime, value]) =>
    mime === "text/plain" || isImageType(mime)
      ? []
      : [`${mime}, ${readableBytes(typeof value === "string" ? value.length : JSON.stringify(value).length)}`]
  );
  return kinds.length === 0
    ? ""
    : `[${kinds.join("; ")}: not shown; print the part that matters, or save it in /workspace]`;
}

/**
 * @param data The bundle.
 * @returns Its picture, why there is none although one was said to be there, or undefined.
 */
export function bundlePicture(data: MimeBundle): Picture | string | undefined {
  const problems: string[] = [];
  for (const mimeType of IMAGE_TYPES) {
    const value = data[mimeType];
    if (typeof value !== "string") continue;
    const image = imageBase64(mimeType, value);
    if (typeof image !== "string") problems.push(image.problem);
    else return { mimeType, data: image };
  }
  return problems[0];
}

function isImageType(mime: string): mime is ImageType {
  return IMAGE_TYPES.some((type) => type === mime);
}
