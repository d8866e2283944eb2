/** The wheel, which `uvx omcp-python-sandbox` installs and runs. */
import { createHash } from "node:crypto";
import { DENO_VERSION, VERSION } from "../../src/version.ts";
import { DESCRIPTION, KEYWORDS, LICENSE_EXPRESSION, MCP_NAME, PACKAGE } from "./about.ts";
import { NOTICES_FILE } from "./notices.ts";
import type { PackageFile, ProjectTexts } from "./files.ts";
import { zip } from "./zip.ts";

/** The package's name in Python. */
const MODULE = PACKAGE.replaceAll("-", "_");
const TAG = "py3-none-any";
const SOURCES = ["__init__.py", "__main__.py"];

/** A wheel. */
export interface Wheel {
  /** Its file's name, which has a form that installers read. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * Makes the wheel.
 *
 * @param project The project's folder.
 * @param program See `programFiles()`.
 * @param texts License and page.
 */
export async function wheel(
  project: string,
  program: readonly PackageFile[],
  texts: ProjectTexts,
): Promise<Wheel> {
  const files: PackageFile[] = [];
  for (const name of SOURCES) {
    const text = await Deno.readTextFile(`${project}/packaging/python/${MODULE}/${name}`);
    files.push({ path: `${MODULE}/${name}`, text });
  }
  const info = `${MODULE}-${VERSION}.dist-info`;
  for (const file of program) {
    const folder = file.path === NOTICES_FILE ? `${info}/licenses` : MODULE;
    files.push({ ...file, path: `${folder}/${file.path}` });
  }
  files.push(
    { path: `${info}/licenses/LICENSE`, text: texts.license },
    { path: `${info}/METADATA`, text: metadata(texts.readme) },
    {
      path: `${info}/WHEEL`,
      text: `Wheel-Version: 1.0\nGenerator: ${PACKAGE} (${VERSION})\nRoot-Is-Purelib: true\nTag: ${TAG}\n`,
    },
    { path: `${info}/entry_points.txt`, text: `[console_scripts]\n${PACKAGE} = ${MODULE}:main\n` },
  );
  const entries = files.map(({ path, text }) => ({ path, content: new TextEncoder().encode(text) }));
  const record = [
    ...entries.map(({ path, content }) => `${path},sha256=${digest(content)},${content.length}`),
    `${info}/RECORD,,`,
  ];
  const last = { path: `${info}/RECORD`, content: new TextEncoder().encode(`${record.join("\n")}\n`) };
  return { name: `${MODULE}-${VERSION}-${TAG}.whl`, bytes: zip([...entries, last]) };
}

function metadata(page: string): string {
  return [
    "Metadata-Version: 2.4",
    `Name: ${PACKAGE}`,
    `Version: ${VERSION}`,
    `Summary: ${DESCRIPTION}`,
    `License-Expression: ${LICENSE_EXPRESSION}`,
    "License-File: LICENSE",
    `License-File: ${NOTICES_FILE}`,
    `Keywords: ${KEYWORDS.join(",")}`,
    // The package `deno` requires the same.
    "Requires-Python: >=3.10",
    `Requires-Dist: deno==${DENO_VERSION}`,
    "Description-Content-Type: text/markdown",
    "",
    page,
    // The MCP registry looks for it there.
    `<!-- mcp-name: ${MCP_NAME} -->`,
    "",
  ].join("\n");
}

function digest(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("base64url");
}
