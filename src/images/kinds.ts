/** The images of this program. */
export const IMAGE_KINDS = ["python", "postgres"] as const;

/** One of them: `python` holds sandboxes, `postgres` the local databases. */
export type ImageKind = (typeof IMAGE_KINDS)[number];
