import { fileURLToPath } from "node:url";
import { OmcpError } from "../errors.ts";
import type { ProgramFile } from "../image_setup/bundle.ts";
import { exists } from "../lib/files.ts";
import { ownCommand } from "../lib/own_command.ts";

/**
 * What an archive contains of the program: the one file that needs neither Deno nor modules on the other machine.
 *
 * @param path Where it is. @default dist/omcp of this checkout
 * @throws {OmcpError} `config_invalid` where there is none.
 */
export async function programFiles(path = builtFile()): Promise<readonly ProgramFile[]> {
  if (path !== undefined && await exists(path)) {
    return [{ path: "omcp", mode: 0o755, open: async () => (await Deno.open(path)).readable }];
  }
  throw new OmcpError("config_invalid", `There is no ${path ?? "dist/omcp"} to put into the archive`, {
    state: "Nothing was written.",
    next: `Run \`${ownCommand("package")}\` in a checkout first, or pass --images-only.`,
  });
}

function builtFile(): string | undefined {
  const file = new URL("../../dist/omcp", import.meta.url);
  return file.protocol === "file:" ? fileURLToPath(file) : undefined;
}
