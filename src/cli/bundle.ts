/** `omcp bundle`: writes program and images into one archive, for machines that reach no registry. */
import { ownCommand } from "../lib/own_command.ts";
import { parseArgs } from "node:util";
import { connectEngine } from "../app/connect_engine.ts";
import type { Command } from "./command.ts";
import { OmcpError } from "../errors.ts";
import { IMAGE_KINDS } from "../images/kinds.ts";
import { errorMessage } from "../lib/error_message.ts";
import { programFiles } from "./program_files.ts";

/** `omcp bundle`. */
export const command: Command = {
  usage: [["bundle FILE [--images-only]", "write program and images into an archive"]],
  help:
    `Writes this program in one file, with Deno and its modules, and both images into one archive with checksums, for a machine
that reaches no registry. \`load\` reads it there.
  --images-only                    leave the program out`,
  async run({ args, read, print }) {
    const { positionals, values } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { "images-only": { type: "boolean", default: false } },
    });
    const [path, ...more] = positionals;
    if (path === undefined || more.length > 0) {
      throw new OmcpError("invalid_argument", "Pass the path of one new archive", {
        next: `Usage: ${ownCommand("bundle FILE")}`,
      });
    }
    const program = values["images-only"] ? [] : await programFiles(read);
    const { engine } = await connectEngine({ read });
    try {
      const sha256 = await write(path, { engine, kinds: IMAGE_KINDS, program });
      print(`Wrote ${path}, SHA-256 ${sha256}.`);
      print(
        program.length === 0
          ? `On the other machine: omcp load ${path}`
          : `On the other machine: tar -xf ${path} omcp && ./omcp load ${path}`,
      );
      return 0;
    } finally {
      engine.close();
    }
  },
};

type Content = Pick<
  Parameters<typeof import("../image_setup/bundle.ts").writeBundle>[1],
  "engine" | "kinds" | "program"
>;

/** Writes and reads back; an archive under its final name is complete and has been checked. */
async function write(path: string, content: Content): Promise<string> {
  // Only this command and `load` need the code.
  const [{ stderrProgress }, { verifyBundle, writeBundle }] = await Promise.all([
    import("../image_setup/mod.ts"),
    import("../image_setup/bundle.ts"),
  ]);
  const progress = stderrProgress();
  const partial = `${path}.part`;
  using file = await create(path, partial);
  try {
    await writeBundle(file, { ...content, progress });
    await file.syncData();
    progress("reading it back");
    await file.seek(0, Deno.SeekMode.Start);
    const { sha256 } = await verifyBundle(file);
    await Deno.rename(partial, path);
    return sha256;
  } catch (error) {
    await Deno.remove(partial).catch(() => {});
    throw error;
  }
}

async function create(path: string, partial: string): Promise<Deno.FsFile> {
  try {
    if (await exists(path)) throw new Error("it exists already");
    return await Deno.open(partial, { createNew: true, read: true, write: true });
  } catch (cause) {
    throw new OmcpError("config_invalid", `Cannot write ${path}: ${errorMessage(cause)}`, {
      state: "Nothing was written.",
      next: "Pass a new file in a folder that this user can write to.",
      cause,
    });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
