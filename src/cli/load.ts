/** `omcp load`: loads the images of an archive of `omcp bundle` into the engine, on a machine that reaches no registry. */
import { ownCommand } from "../lib/own_command.ts";
import { parseArgs } from "node:util";
import { connectEngine } from "../app/connect_engine.ts";
import type { Command } from "./command.ts";
import { OmcpError } from "../errors.ts";
import { IMAGE_KINDS } from "../images/kinds.ts";

/** `omcp load`. */
export const command: Command = {
  usage: [["load FILE", "load the images of an archive of `bundle`"]],
  help:
    `Checks a whole archive of \`bundle\` and loads its images into the engine; no registry is needed. An archive that is
damaged or of another version is refused, and nothing of it is loaded.`,
  async run({ args, read, print }) {
    const { positionals } = parseArgs({ args: [...args], allowPositionals: true });
    const [path, ...more] = positionals;
    if (path === undefined || more.length > 0) {
      throw new OmcpError("invalid_argument", "Pass one archive", {
        next: `Usage: ${ownCommand("load FILE")}`,
      });
    }
    // Only this command and `bundle` need the code.
    const [{ stderrProgress }, { loadBundledImages }] = await Promise.all([
      import("../image_setup/mod.ts"),
      import("../image_setup/bundle.ts"),
    ]);
    const { engine } = await connectEngine({ read });
    try {
      const { description, sha256 } = await loadBundledImages(engine, path, {
        kinds: IMAGE_KINDS,
        progress: stderrProgress(),
      });
      print(`Loaded ${description.images.map(({ reference }) => reference).join(" and ")}.`);
      print(`The archive's SHA-256 is ${sha256}.`);
      return 0;
    } finally {
      engine.close();
    }
  },
};
