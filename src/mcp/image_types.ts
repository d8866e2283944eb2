/** Kinds of pictures that clients show, best first. */
export const IMAGE_TYPES = ["image/png", "image/jpeg", "image/webp", "image/gif"] as const;

/** One of them. */
export type ImageType = (typeof IMAGE_TYPES)[number];
