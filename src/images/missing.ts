import { OmcpError } from "../errors.ts";
import { runOwnCommand } from "../lib/own_command.ts";

/** References of our own images, as `imageReference` makes them. */
const OWN = /^omcp-(?:python|postgres):[0-9a-f]{12}$/;

/**
 * The error for an image that the engine does not have.
 *
 * @param image Its reference.
 * @returns `image_missing`, with the command that builds the image.
 */
export function missingImage(image: string): OmcpError {
  return new OmcpError("image_missing", `The engine has no image ${image}`, {
    next: OWN.test(image)
      ? `${runOwnCommand("setup")}; it builds what is missing.`
      : "Build the image or load it into the engine, or leave OMCP_IMAGE empty for the project's own.",
    details: { image },
  });
}
