import { fileURLToPath } from "node:url";
import type { ReadVariable } from "../app/config.ts";
import { OmcpError } from "../errors.ts";
import type { ProgramFile } from "../image_setup/bundle.ts";
import { exists } from "../lib/files.ts";
import { PACKAGED } from "../lib/packaged.ts";

/** Variable in which the program's one file (packaging/one_file/header.sh) names itself. */
export const PROGRAM_FILE = "OMCP_PROGRAM_FILE";

/**
 * What an archive contains of the program: the one file that needs neither Deno nor modules on the other machine.
 *
 * @param read Looks up an environment variable.
 * @throws {OmcpError} `config_invalid` if there is none.
 */
export async function programFiles(read: ReadVariable): Promise<readonly ProgramFile[]> {
  const path = read(PROGRAM_FILE) || builtFile();
  if (path !== undefined && await exists(path)) {
    return [{ path: "omcp", mode: 0o755, open: async () => (await Deno.open(path)).readable }];
  }
  throw new OmcpError("config_invalid", `There is no ${path ?? "one file"} to put into the archive`, {
    state: "Nothing was written.",
    next:
      "Run `deno task package` in a checkout first, or use the one file that it made; or pass --images-only.",
  });
}

function builtFile(): string | undefined {
  // A package from a registry needs the packages that npm or pip has installed beside it.
  if (PACKAGED) return undefined;
  const file = new URL("../../dist/omcp", import.meta.url);
  return file.protocol === "file:" ? fileURLToPath(file) : undefined;
}
