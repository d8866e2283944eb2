/** The npm package, which `npx -y omcp-python-sandbox` installs and runs. */
import { DENO_VERSION, VERSION } from "../../src/version.ts";
import { DESCRIPTION, KEYWORDS, LICENSE_EXPRESSION, MCP_NAME, PACKAGE } from "./about.ts";
import { NOTICES_FILE } from "./notices.ts";
import type { PackageFile, ProjectTexts } from "./files.ts";

/**
 * The package's files.
 *
 * @param project The project's folder.
 * @param program See `programFiles()`.
 * @param texts License and page.
 */
export async function npmPackage(
  project: string,
  program: readonly PackageFile[],
  texts: ProjectTexts,
): Promise<readonly PackageFile[]> {
  const launcher = "launcher.cjs";
  const about = {
    name: PACKAGE,
    version: VERSION,
    description: DESCRIPTION,
    mcpName: MCP_NAME,
    keywords: KEYWORDS,
    license: LICENSE_EXPRESSION,
    bin: { [PACKAGE]: launcher },
    files: [launcher, "launch.json", "program", NOTICES_FILE],
    engines: { node: ">=18" },
    os: ["linux", "darwin"],
    dependencies: { deno: DENO_VERSION },
  };
  return [
    { path: "package.json", text: `${JSON.stringify(about, null, 2)}\n` },
    { path: "LICENSE", text: texts.license },
    { path: "README.md", text: texts.readme },
    {
      path: launcher,
      text: await Deno.readTextFile(`${project}/packaging/npm/${launcher}`),
      executable: true,
    },
    ...program,
  ];
}
