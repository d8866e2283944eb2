/** Python packages at fixed versions, in a temporary environment of their own. */

import { programOutput } from "../../fixtures/program_output.ts";

/** For an installation, and for all that is measured of a peer, in milliseconds. */
const DEADLINE_MS = 240_000;
/** What a message may have at most. */
const MESSAGE_CHARACTERS = 200;

/** A temporary environment. */
export interface Venv {
  /** Its folder of programs. */
  readonly bin: string;
  /** Runs one of its programs; returns what it printed. Throws with its last line of stderr. */
  run(program: string, args: readonly string[]): Promise<string>;
  /** Removes it. */
  close(): Promise<void>;
}

/**
 * Makes an environment.
 *
 * @param packages With versions, such as `ipykernel==7.4.0`.
 * @throws {Error} If they cannot be installed.
 */
export async function makeVenv(packages: readonly string[]): Promise<Venv> {
  const folder = await Deno.makeTempDir({ prefix: "omcp-peer-" });
  const bin = `${folder}/bin`;
  const venv: Venv = {
    bin,
    run: (program, args) => output(`${bin}/${program}`, args),
    close: () => Deno.remove(folder, { recursive: true }),
  };
  try {
    await output("python3", ["-m", "venv", folder]);
    await venv.run("pip", ["install", "--quiet", "--disable-pip-version-check", ...packages]);
    return venv;
  } catch (error) {
    await venv.close();
    throw error;
  }
}

async function output(command: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await programOutput(command, args, {
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  if (code !== 0) throw new Error(lastWords(stderr));
  return stdout;
}

/**
 * Why something failed, in a line that names no address.
 *
 * @param text What it printed, or an error's message.
 */
export function lastWords(text: string): string {
  const lines = text.trim().split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const said = lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? "it printed nothing";
  const plain = said.replace(/\p{Cc}\[[\d;]*m/gu, "").replace(/\b\w+:\/\/[^\s'"]+/g, "(an address)");
  const from = Math.max(0, plain.toLowerCase().lastIndexOf("error: "));
  return plain.slice(from).replace(/(?:\/[\w.+-]+){2,}/g, "(a path)").slice(0, MESSAGE_CHARACTERS);
}
