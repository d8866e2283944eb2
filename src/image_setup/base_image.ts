import type { Engine } from "../docker/mod.ts";
import { OmcpError } from "../errors.ts";
import { ownCommand } from "../lib/own_command.ts";
import type { Progress } from "./progress.ts";
import { tryPull } from "./pull.ts";

/** The image that this program's images are built on. */
export const BASE_IMAGE = "debian:trixie-slim";

/** Creates the base image if it cannot be pulled. */
export type Bootstrap = (engine: Engine, options: BaseImageOptions) => Promise<void>;

/** Options of {@link ensureBaseImage}. */
export interface BaseImageOptions {
  /** Receives a line for each step. */
  readonly progress: Progress;
  /** Gives up. */
  readonly signal?: AbortSignal;
  /** The image's name; another one is for tests. @default BASE_IMAGE */
  readonly reference?: string;
  /** The distribution's bootstrap tool, which runs on the host: the server has no permission for it. @default none */
  readonly bootstrap?: Bootstrap;
}

/**
 * Ensures that the engine has the base image: keeps the one that exists, else pulls it, else creates it.
 *
 * @param engine The engine.
 * @param options Progress and a name.
 * @throws {OmcpError} `image_missing` if it can be neither pulled nor created.
 */
export async function ensureBaseImage(engine: Engine, options: BaseImageOptions): Promise<void> {
  const reference = options.reference ?? BASE_IMAGE;
  if (await engine.inspectImage(reference, options.signal ? { signal: options.signal } : {})) return;
  options.progress(`base image ${reference} is missing; pulling it`);
  const refusal = await tryPull(engine, reference, options);
  if (refusal === undefined) return;
  if (options.bootstrap === undefined) {
    throw new OmcpError("image_missing", `Cannot get the base image ${reference}: ${refusal}`, {
      state: "No image was created.",
      next: `Run \`${
        ownCommand("setup")
      }\`, which can create it from the distribution's mirror; or bring the images in a file (OMCP_IMAGE_FILE, see images/README.md).`,
      details: { image: reference },
    });
  }
  options.progress(`cannot pull it (${refusal}); creating it from the distribution's mirror`);
  await options.bootstrap(engine, options);
}
