import type { ImageKind } from "./kinds.ts";

/** Where images that the engine lacks come from. */
export type ImageSource =
  | { readonly kind: "registry"; readonly pinned: Readonly<Record<ImageKind, string>> }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "build" };
