/** The program in one file: a shell script, and after it Deno and the bundled program. It needs neither an installation nor a network. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { concatBytes } from "../../src/lib/bytes.ts";
import { type TarEntry, tarStream } from "../../src/image_setup/tar.ts";
import { ALONE, ASK_ARGUMENTS } from "../../src/cli/launch/packaged_arguments.ts";
import { DENO_VERSION, VERSION } from "../../src/version.ts";
import { NOTICES_FILE, withDeno } from "./notices.ts";
import type { PackageFile } from "./files.ts";

/**
 * Makes the one file for the platform of this process, from the Deno that runs it.
 *
 * @param project The project's folder.
 * @param program See `programFiles()`.
 * @returns Its content. The same checkout and the same Deno give the same bytes.
 */
export async function oneFile(
  project: string,
  program: readonly PackageFile[],
): Promise<Uint8Array> {
  if (Deno.version.deno !== DENO_VERSION) {
    throw new Error(`The one file contains Deno ${DENO_VERSION}; this is ${Deno.version.deno}`);
  }
  const deno = { path: "deno", content: await Deno.readFile(Deno.execPath()), mode: 0o755 };
  const texts = await Promise.all(
    program.filter(({ path }) => path.startsWith("program/") || path === NOTICES_FILE).map(async (file) =>
      file.path === NOTICES_FILE
        ? { ...file, text: await withDeno(file.text, `${project}/packaging/notices`) }
        : file
    ),
  );
  const files = texts.map(({ path, text }) => ({
    path,
    content: new TextEncoder().encode(text),
    mode: 0o644,
  }));
  const payload = gzipSync(await new Response(tarStream([deno, ...files])).bytes());
  const template = await Deno.readTextFile(`${project}/packaging/one_file/header.sh`);
  const sums = files.map(sumLine).join("\n");
  const values: Readonly<Record<string, string>> = {
    VERSION,
    KEY: `${VERSION}-${createHash("sha256").update(sumLine(deno)).update(sums).digest("hex").slice(0, 16)}`,
    DENO_SUM: sumLine(deno),
    SUMS: sums,
    TARGET: Deno.build.target,
    ALONE: ALONE.map(quoted).join(" "),
    ASK: ASK_ARGUMENTS.map(quoted).join(" "),
    LINES: String(template.split("\n").length - 1 + files.length - 1),
  };
  const header = new TextEncoder().encode(template.replaceAll(/@([A-Z_]+)@/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`header.sh has ${whole}, for which there is no value`);
    return value;
  }));
  return concatBytes([header, payload]);
}

/** As `sha256sum` writes it. */
function sumLine({ path, content }: TarEntry): string {
  return `${createHash("sha256").update(content).digest("hex")}  ${path}`;
}

/** As one word of a shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
