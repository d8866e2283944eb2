/** `omcp setup`: ensures that an engine responds and has both images. */
import type { Command } from "./command.ts";
import { optionsHelp } from "./setup/options_help.ts";

/** `omcp setup`. */
export const command: Command = {
  usage: [["setup [--refresh | --print | --remove]", "install what is missing, build the images"]],
  help:
    `Ensures that a container engine responds (as root on Debian or Ubuntu it installs one) and builds the images.
${optionsHelp(35)}`,
  async run({ args, read, unknown, origin }) {
    // Only this command needs the builder and the sample's generator.
    const { runSetUp } = await import("./setup/main.ts");
    return await runSetUp({ args, read, unknown, origin });
  },
};
