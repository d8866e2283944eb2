/** The licenses of what a packaged program contains besides this project's own code: `THIRD_PARTY_NOTICES.txt`. */
import { dirname } from "node:path";
import * as z from "zod";
import { BUNDLED_LICENSES } from "./about.ts";

/** The file's name in each package. */
export const NOTICES_FILE = "THIRD_PARTY_NOTICES.txt";

/** Something by others that a package contains. */
interface Component {
  readonly name: string;
  /** SPDX identifier. */
  readonly license: string;
  readonly text: string;
}

/** Compiled into libpg-query's WebAssembly, whose package has its own license only. The texts are in `packaging/notices/`. */
const IN_GRAMMAR = [
  { name: "libpg_query", license: "BSD-3-Clause" },
  { name: "PostgreSQL", license: "PostgreSQL" },
  { name: "protobuf-c", license: "BSD-2-Clause" },
  { name: "xxHash", license: "BSD-2-Clause" },
] as const;

const RULE = "=".repeat(80);
const LICENSE_FILE = /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i;
/** To the next heading of a page. */
const LICENSE_SECTION = /^#+ licen[cs]e[^\n]*\n+([^]+?)(?=\n#+ |$(?![^]))/im;

const dependencyGraph = z.object({
  npmPackages: z.record(
    z.string(),
    z.object({ name: z.string(), version: z.string(), localPath: z.string() }),
  ),
});
type NpmPackage = z.infer<typeof dependencyGraph>["npmPackages"][string];

const manifest = z.object({ license: z.string() });

/**
 * Finds the license of each package of which a bundle contains code.
 *
 * @param folder The bundled sources, with `deno.json`.
 * @param sources Absolute paths of the files that were bundled, those of this project too; a package that was itself bundled names files
 * that lie nowhere.
 * @param texts The folder `packaging/notices`.
 * @returns The text of the notices. The same packages give the same text.
 * @throws {Error} For a package without a license, or with one that nobody has agreed to.
 */
export async function notices(folder: string, sources: readonly string[], texts: string): Promise<string> {
  const packages = await npmPackages(folder);
  const found = new Map<string, Component>();
  for (const source of sources) {
    if (source.startsWith(`${folder}/`)) continue;
    const { name, folder: path } = packageOf(source, packages);
    if (!found.has(name)) found.set(name, { name, ...await licenseOf(name, path) });
  }
  for (const each of IN_GRAMMAR) found.set(each.name, { ...each, text: await noticeText(texts, each.name) });
  const components = [...found.values()].sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name, license } of components) {
    if (!BUNDLED_LICENSES.includes(license)) {
      throw new Error(`${name} is under ${license}: add it to BUNDLED_LICENSES, or do not bundle it`);
    }
  }
  return [
    "This package contains the following packages and libraries, each under its own license.\n",
    ...components.map(notice),
  ].join("\n");
}

/**
 * The notices of a file that contains Deno, too.
 *
 * @param text Those of the bundle.
 * @param texts The folder `packaging/notices`.
 */
export async function withDeno(text: string, texts: string): Promise<string> {
  return `${text}\n${notice({ name: "Deno", license: "MIT", text: await noticeText(texts, "Deno") })}`;
}

function notice({ name, license, text }: Component): string {
  return `${RULE}\n${name} (${license})\n${RULE}\n\n${text.trim()}\n`;
}

async function noticeText(texts: string, name: string): Promise<string> {
  return await Deno.readTextFile(`${texts}/${name.toLowerCase()}.txt`);
}

async function npmPackages(folder: string): Promise<readonly NpmPackage[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "src/main.ts"],
    cwd: folder,
    stdin: "null",
  }).output();
  if (!success) throw new Error(`Cannot list the packages: ${new TextDecoder().decode(stderr)}`);
  return Object.values(dependencyGraph.parse(JSON.parse(new TextDecoder().decode(stdout))).npmPackages);
}

/** The package that a bundled file is of: the innermost one, where a package was itself bundled from others. */
function packageOf(source: string, packages: readonly NpmPackage[]): { name: string; folder: string } {
  const inner = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source)?.[1];
  const found = inner === undefined
    // A package's own source map may leave the folder of its version.
    ? packages.find(({ localPath }) => source.startsWith(`${dirname(localPath)}/`))
    : packages.find(({ name }) => name === inner);
  if (found === undefined) throw new Error(`Cannot find the package of the bundled file ${source}`);
  return { name: found.name, folder: found.localPath };
}

async function licenseOf(name: string, folder: string): Promise<{ license: string; text: string }> {
  const { license } = manifest.parse(JSON.parse(await Deno.readTextFile(`${folder}/package.json`)));
  const files = [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
  const texts = await Promise.all(
    files.filter((file) => LICENSE_FILE.test(file)).map((file) => Deno.readTextFile(`${folder}/${file}`)),
  );
  if (texts.length === 0) {
    const page = files.find((file) => /^readme\.md$/i.test(file));
    const section = page === undefined
      ? undefined
      : LICENSE_SECTION.exec(await Deno.readTextFile(`${folder}/${page}`));
    if (section?.[1] === undefined) throw new Error(`The package ${name} has no text of its license`);
    texts.push(section[1]);
  }
  return { license, text: texts.map((text) => text.replaceAll("\r\n", "\n").trim()).join("\n\n") };
}
