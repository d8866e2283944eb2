import { loadLocal } from "../cdm_target.ts";
import { Engine } from "../docker/mod.ts";
import { folderSource, headLine, keyLines, tableLines } from "../omop/load/mod.ts";

/** The local CDM that the demo makes of a folder; made anew each time. */
const NAME = "demo";

/**
 * Loads a folder of CDM files for the demo.
 *
 * @param folder The folder.
 * @param say Takes lines about what was loaded.
 * @returns The settings of a server that serves it.
 * @throws {OmcpError} What stopped the load.
 */
export async function loadFolder(
  folder: string,
  say: (line: string) => void,
): Promise<Record<string, string>> {
  const host = Deno.env.get("DOCKER_HOST");
  const engine = await Engine.connect(host === undefined ? {} : { host });
  try {
    const source = await folderSource(folder);
    say(source.description);
    if (source.passedOver.length > 0) say(`Not loaded: ${source.passedOver.join(", ")}`);
    say(headLine());
    const { keys } = await loadLocal({
      engine,
      name: NAME,
      source,
      replace: true,
      onTable: (table) => {
        // A demonstration is no audit: tables without a row are passed over.
        if (table.read > 0) tableLines(table).forEach(say);
      },
      signal: new AbortController().signal,
    });
    keyLines(keys).forEach(say);
  } finally {
    engine.close();
  }
  return { OMCP_DATABASE_URL: `local:${NAME}`, OMCP_DISCLOSURE: "open" };
}
