import { type PackageFile, projectTexts } from "./files.ts";
import { npmPackage } from "./npm.ts";
import { oneFile } from "./one_file.ts";
import { wheel } from "./wheel.ts";

/** Where packages were written. */
export interface BuiltPackages {
  /** The npm package's folder. */
  readonly npm: string;
  /** The wheel's file. */
  readonly wheel: string;
}

/**
 * Builds the packages.
 *
 * @param project The project's folder.
 * @param program See `programFiles()`.
 * @param output Where to write them.
 * @returns Their paths.
 */
export async function buildPackages(
  project: string,
  program: readonly PackageFile[],
  output: string,
): Promise<BuiltPackages> {
  const texts = await projectTexts(project);
  const npm = `${output}/npm`;
  await Deno.remove(npm, { recursive: true }).catch(unlessMissing);
  for (const file of await npmPackage(project, program, texts)) await write(npm, file);
  const { name, bytes } = await wheel(project, program, texts);
  await Deno.writeFile(`${output}/${name}`, bytes);
  return { npm, wheel: `${output}/${name}` };
}

/**
 * Builds the one file for the platform of this process.
 *
 * @param project The project's folder.
 * @param program See `programFiles()`.
 * @param output Where to write it.
 * @returns Its path.
 */
export async function buildOneFile(
  project: string,
  program: readonly PackageFile[],
  output: string,
): Promise<string> {
  const path = `${output}/omcp`;
  const content = await oneFile(project, program);
  await Deno.mkdir(output, { recursive: true });
  // A file that runs can be replaced, not written to.
  await Deno.remove(path).catch(unlessMissing);
  await Deno.writeFile(path, content, { mode: 0o755 });
  return path;
}

async function write(folder: string, { path, text, executable }: PackageFile): Promise<void> {
  const file = `${folder}/${path}`;
  await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(file, text);
  await Deno.chmod(file, executable ? 0o755 : 0o644);
}

function unlessMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
