/** Where images that the engine lacks come from, by the settings. */
import * as z from "zod";
import { IMAGE_KINDS, type ImageKind } from "../images/kinds.ts";
import type { ImageSource } from "../images/source.ts";

const REGISTRY = "must be a registry, with a path where it has one, such as registry.example.org/omcp";
const DIGESTS = `must have a digest for each image: ${
  IMAGE_KINDS.map((kind) => `${kind}=sha256:…`).join(",")
}`;

/** `OMCP_IMAGE_REGISTRY`. */
export const registrySchema = z.string().regex(
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?(?::[0-9]{1,5})?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)?$/,
  REGISTRY,
).max(400, REGISTRY);

/** `OMCP_IMAGE_DIGESTS`: a digest for each image; undefined if it is empty. */
export const digestsSchema = z.string().transform((text, context) => {
  if (text === "") return undefined;
  const found = new Map(
    text.split(",").map((part) => {
      const [kind = "", digest = ""] = part.trim().split("=");
      return [kind, digest] as const;
    }),
  );
  const [python, postgres] = [found.get("python"), found.get("postgres")];
  const wellFormed = found.size === IMAGE_KINDS.length &&
    [...found.values()].every((digest) => /^sha256:[0-9a-f]{64}$/.test(digest));
  if (wellFormed && python !== undefined && postgres !== undefined) return { python, postgres };
  context.addIssue({ code: "custom", message: DIGESTS });
  return z.NEVER;
});

/** The settings about images that the engine lacks. */
export interface ImageSourceSettings {
  /** Empty: none. */
  readonly registry: string;
  readonly digests: Readonly<Record<ImageKind, string>> | undefined;
  /** Empty: none. */
  readonly file: string;
}

/**
 * Chooses the source: a registry, else a file, else a build.
 *
 * @param settings See {@link ImageSourceSettings}.
 * @param problems Receives what is wrong with them together.
 */
export function chooseImageSource(
  { registry, digests, file }: ImageSourceSettings,
  problems: string[],
): ImageSource {
  if (registry && digests === undefined) {
    problems.push("OMCP_IMAGE_DIGESTS must have the images' digests while OMCP_IMAGE_REGISTRY is set");
  }
  if (!registry && digests !== undefined) {
    problems.push("OMCP_IMAGE_REGISTRY must be set while OMCP_IMAGE_DIGESTS is");
  }
  if (registry && digests !== undefined) {
    return {
      kind: "registry",
      pinned: {
        python: `${registry}/omcp-python@${digests.python}`,
        postgres: `${registry}/omcp-postgres@${digests.postgres}`,
      },
    };
  }
  return file ? { kind: "file", path: file } : { kind: "build" };
}
