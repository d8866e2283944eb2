import { loadLocal } from "../../cdm/local_load.ts";
import { type ContainerPlatform, LABEL_INSTANCE } from "../../runtime/mod.ts";
import { folderSource, headLine, keyLines, tableLines } from "../../cdm/load/mod.ts";

/** Options of {@link loadFolder}. */
export interface FolderLoad {
  /** Where the volume is created. */
  readonly runtime: ContainerPlatform;
  /** Labels everything that is created. */
  readonly instance: string;
  /** The folder of CDM files. */
  readonly folder: string;
  /** Receives lines about the load. */
  readonly say: (line: string) => void;
  /** Stops the load, which then removes its volume. */
  readonly signal: AbortSignal;
}

/**
 * Loads a folder of CDM files for the demo, under a random name.
 *
 * @param load The folder.
 * @returns The settings of a server that serves it.
 * @throws {OmcpError} The error that stopped the load.
 */
export async function loadFolder(load: FolderLoad): Promise<Record<string, string>> {
  const { runtime, instance, folder, say, signal } = load;
  const name = `demo-${crypto.getRandomValues(new Uint8Array(4)).toHex()}`;
  const source = await folderSource(folder);
  say(source.description);
  if (source.ignored.length > 0) say(`Not loaded: ${source.ignored.join(", ")}`);
  say(`During the demo it is local:${name}`);
  say(headLine());
  const { keys } = await loadLocal({
    runtime,
    name,
    source,
    instance,
    labels: { [LABEL_INSTANCE]: instance },
    onTable: (table) => {
      // Empty tables are left out: this is a demonstration.
      if (table.read > 0) tableLines(table).forEach(say);
    },
    signal,
  });
  keyLines(keys).forEach(say);
  return { OMCP_DATABASE_URL: `local:${name}`, OMCP_DISCLOSURE: "open" };
}
