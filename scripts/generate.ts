/**
 * Writes the lists that are generated from folders (scripts/indexes.ts), in the working directory.
 *
 *     deno run -A scripts/generate.ts [--check]
 *
 * `--check` writes nothing and fails if a list is stale. `deno task generate` then writes the generated parts of the README and the docs.
 */
import { INDEXES, type SourceFiles } from "./indexes.ts";
import { complain } from "./output.ts";

const FILES: SourceFiles = {
  names: (folder) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort(),
  read: (path) => Deno.readTextFileSync(path),
};

let stale = 0;
for (const { path, text } of INDEXES) {
  const after = text(FILES);
  if (after === before(path)) continue;
  if (!Deno.args.includes("--check")) {
    Deno.writeTextFileSync(path, after);
    continue;
  }
  stale += 1;
  await complain(`${path} is stale: run \`deno task generate\``);
}
Deno.exit(stale > 0 ? 1 : 0);

function before(path: string): string | undefined {
  try {
    return FILES.read(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
