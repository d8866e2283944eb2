/** What both packages contain besides their launchers. */
import { ASK_ARGUMENTS } from "../../src/cli/launch/packaged_arguments.ts";
import { bundleProgram } from "./bundle.ts";
import { NOTICES_FILE } from "./notices.ts";

/** A file of a package. */
export interface PackageFile {
  /** Relative to the package's folder. */
  readonly path: string;
  readonly text: string;
  readonly executable?: boolean;
}

/** Texts about the project that packages contain. */
export interface ProjectTexts {
  readonly license: string;
  /** Its page in a registry. */
  readonly readme: string;
}

/**
 * The files that a launcher needs: the bundled program, how to ask it for its permissions, and the licenses of what is in it.
 *
 * @param project The project's folder.
 */
export async function programFiles(project: string): Promise<readonly PackageFile[]> {
  const { program, permissions, notices } = await bundleProgram(project);
  return [
    { path: "launch.json", text: `${JSON.stringify({ ask: ASK_ARGUMENTS }, null, 2)}\n` },
    { path: "program/omcp.mjs", text: program },
    { path: "program/permissions.mjs", text: permissions },
    { path: NOTICES_FILE, text: notices },
  ];
}

/**
 * Reads the license and the page.
 *
 * @param project The project's folder.
 */
export async function projectTexts(project: string): Promise<ProjectTexts> {
  return {
    license: await Deno.readTextFile(`${project}/LICENSE`),
    readme: await Deno.readTextFile(`${project}/packaging/README.md`),
  };
}
