/**
 * The archive of `omcp bundle`, a tar of these members in this order: `omcp-bundle.json` (this description), the program's files,
 * `images/KIND.tar.gz` for each image (as `docker save` writes it, compressed), `SHA256SUMS` over all of them (for `sha256sum -c`).
 */
import * as z from "zod";
import { IMAGE_KINDS, type ImageKind } from "../images/kinds.ts";

/** The first member. */
export const DESCRIPTION = "omcp-bundle.json";
/** The last member. */
export const SUMS = "SHA256SUMS";

/** Content of {@link DESCRIPTION}. */
export const bundleDescription = z.strictObject({
  format: z.literal(1),
  /** The program's version. */
  version: z.string().max(100),
  images: z.array(z.strictObject({
    kind: z.enum(IMAGE_KINDS),
    reference: z.string().max(200),
    /** The whole content hash. */
    content: z.string().regex(/^[0-9a-f]{64}$/),
  })).max(IMAGE_KINDS.length),
});

/** What an archive says about itself. */
export type BundleDescription = z.output<typeof bundleDescription>;

/** Paths of members, besides {@link DESCRIPTION} and {@link SUMS}: relative, one folder deep at most, of harmless characters. */
export const MEMBER_PATH = /^(?:[a-z]+\/)?[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** The most members that an archive may have. */
export const MAX_MEMBERS = 100;

/**
 * The member that holds an image.
 *
 * @param kind Which image.
 */
export function imageMember(kind: ImageKind): string {
  return `images/${kind}.tar.gz`;
}
