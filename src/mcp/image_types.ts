/** Kinds of pictures that clients show, best first. */
export const IMAGE_TYPES = ["image/png", "image/jpeg", "image/webp", "image/gif"] as const;

/** A kind of picture that clients show. */
export type ImageType = (typeof IMAGE_TYPES)[number];
