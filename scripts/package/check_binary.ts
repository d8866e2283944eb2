/**
 * Checks that a binary is this program, and not a plain Deno, as `deno compile` makes it without its own runtime.
 *
 *     deno run -A scripts/package/check_binary.ts BINARY
 */
import { VERSION } from "../../src/version.ts";
import { say } from "../output.ts";

/** Milliseconds; the first start of the one file unpacks it. */
const DEADLINE_MS = 60_000;

/**
 * @param binary Its path.
 * @param env Added to its environment.
 * @returns What is wrong with it; undefined for this program.
 */
export async function problemOf(
  binary: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string | undefined> {
  const version = await output(binary, ["--version"], env);
  if (version.text.trim() !== VERSION) {
    return `--version prints ${JSON.stringify(version.text.slice(0, 100))}`;
  }
  // The one file's launcher prints the version; this only the program can.
  const help = await output(binary, ["--help"], env);
  if (!help.text.startsWith(`omcp ${VERSION}\n`)) {
    return `--help prints ${JSON.stringify(help.text.slice(0, 100))}`;
  }
  // Deno's own command, which no server must run.
  const evaluated = await output(binary, ["eval", "console.log('plain Deno')"], env);
  if (evaluated.code === 0 || evaluated.text.includes("plain Deno")) return "it runs code that it is given";
  return undefined;
}

async function output(
  binary: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ code: number; text: string }> {
  const { code, stdout } = await new Deno.Command(binary, {
    args: [...args],
    env: { ...env },
    stdin: "null",
    stderr: "null",
    signal: AbortSignal.timeout(DEADLINE_MS),
  }).output();
  return { code, text: new TextDecoder().decode(stdout) };
}

if (import.meta.main) {
  const [binary = ""] = Deno.args;
  const problem = await problemOf(binary);
  await say(
    problem === undefined ? `${binary} is omcp ${VERSION}` : `${binary} is not this program: ${problem}`,
  );
  if (problem !== undefined) Deno.exit(1);
}
