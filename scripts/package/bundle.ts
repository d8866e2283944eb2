/** Bundles the program: the server with its guard's worker, the WebAssembly and every embedded file in one JavaScript file. */
import { cp } from "node:fs/promises";
import { resolve } from "node:path";
import * as z from "zod";
import { notices } from "./notices.ts";

/** The files of a packaged program. */
export interface BundledProgram {
  /** `omcp.mjs`: every command. */
  readonly program: string;
  /** `permissions.mjs`: prints Deno's arguments for a command. */
  readonly permissions: string;
  /** The licenses of the packages in them. */
  readonly notices: string;
}

/** What a bundle is made of. */
const SOURCES = ["src", "images", "skills", "deno.json", "deno.lock"];
/** Where the bundled worker lies among the sources while the program is bundled. */
const WORKER = "src/postgres/guard/worker_bundle.js";

/** Texts that replace parts of modules, because `deno bundle` knows neither workers nor WebAssembly modules. */
const REPLACED: readonly Replacement[] = [
  {
    path: "src/lib/packaged.ts",
    from: "PACKAGED: boolean = false",
    to: "PACKAGED: boolean = true",
  },
  {
    path: "src/postgres/guard/grammar_module.js",
    from: 'import source binary from "libpg-query/wasm/libpg-query.wasm";',
    // The glue was written for Node's older modules.
    to: `import bytes from "libpg-query/wasm/libpg-query.wasm" with { type: "bytes" };
globalThis.__dirname ??= "";
const binary = new WebAssembly.Module(bytes);`,
  },
  {
    path: "src/postgres/guard/worker_module.ts",
    from: 'return new URL("./worker.ts", import.meta.url);',
    to: "return new URL(url ??= URL.createObjectURL(new Blob([worker])));",
  },
  {
    path: "src/postgres/guard/worker_module.ts",
    from: "export function",
    to: `import worker from "./worker_bundle.js" with { type: "text" };
let url: string | undefined;
export function`,
  },
];

const MAP_COMMENT = "//# sourceMappingURL=data:application/json;base64,";
const sourceMap = z.object({ sources: z.array(z.string()) });

interface Bundle {
  readonly text: string;
  /** Absolute paths of the files that are in it. */
  readonly sources: readonly string[];
}

interface Replacement {
  readonly path: string;
  /** Must occur once. */
  readonly from: string;
  readonly to: string;
}

/**
 * Bundles the program of this checkout. The same sources give the same bytes, wherever they are.
 *
 * @param project The project's folder.
 * @throws {Error} Where Deno cannot bundle it.
 */
export async function bundleProgram(project: string): Promise<BundledProgram> {
  const folder = await Deno.makeTempDir({ prefix: "omcp-package-" });
  try {
    for (const source of SOURCES) {
      await cp(`${project}/${source}`, `${folder}/${source}`, { recursive: true });
    }
    for (const each of REPLACED) await edit(`${folder}/${each.path}`, each);
    const sources: string[] = [];
    const bundle = async (entry: string): Promise<string> => {
      const bundled = await bundleModule(folder, entry);
      sources.push(...bundled.sources);
      return bundled.text;
    };
    const worker = await bundle("src/postgres/guard/worker.ts");
    // A worker of a Blob has no URL that createRequire() takes; it only asks for Deno's own modules.
    await Deno.writeTextFile(
      `${folder}/${WORKER}`,
      replaceOnce(worker, {
        path: WORKER,
        from: "__deno_internal_createRequire(import.meta.url)",
        to: '__deno_internal_createRequire("file:///")',
      }),
    );
    return {
      program: await bundle("src/main.ts"),
      permissions: await bundle("src/cli/launch/main.ts"),
      notices: await notices(folder, sources, `${project}/packaging/notices`),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function bundleModule(folder: string, entry: string): Promise<Bundle> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    // Without --minify, a bundle has paths of this machine. The source map lists what is in it, and is cut off.
    args: ["bundle", "--quiet", "--minify", "--sourcemap=inline", entry],
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  if (!success) throw new Error(`Cannot bundle ${entry}: ${new TextDecoder().decode(stderr)}`);
  const output = new TextDecoder().decode(stdout);
  const at = output.lastIndexOf(MAP_COMMENT);
  if (at < 0) throw new Error(`The bundle of ${entry} has no source map`);
  const map = new TextDecoder().decode(Uint8Array.fromBase64(output.slice(at + MAP_COMMENT.length).trim()));
  return {
    text: output.slice(0, at),
    sources: sourceMap.parse(JSON.parse(map)).sources.map((source) => resolve(folder, source)),
  };
}

async function edit(path: string, replacement: Replacement): Promise<void> {
  await Deno.writeTextFile(path, replaceOnce(await Deno.readTextFile(path), replacement));
}

function replaceOnce(text: string, { path, from, to }: Replacement): string {
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`${path} must have this once: ${from}`);
  return parts.join(to);
}
