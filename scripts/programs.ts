/** Programs that the tests and the gate need besides Deno. */
import { OmcpError } from "../src/errors.ts";
import { installPackages } from "../src/cli/setup/distribution.ts";
import { stderrProgress } from "../src/cli/setup/progress.ts";

/**
 * Whether a program can run.
 *
 * @param program Its name or path.
 * @param argument The argument with which it exits with 0. @default --version
 */
export async function canRun(program: string, argument = "--version"): Promise<boolean> {
  try {
    const command = new Deno.Command(program, {
      args: [argument],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    return (await command.output()).success;
  } catch {
    return false;
  }
}

/**
 * Installs packages of the distribution if that is possible; otherwise reports what is missing.
 *
 * @param packages Alternatives, each a list of names: it installs the first that it can.
 * @param what Why they are needed, as in "the tests need the program docker".
 * @returns Whether one was installed.
 */
export async function install(packages: readonly (readonly string[])[], what: string): Promise<boolean> {
  const progress = stderrProgress();
  let failure: unknown;
  for (const names of packages) {
    try {
      await installPackages(names, { progress });
      return true;
    } catch (error) {
      failure = error;
    }
  }
  if (!(failure instanceof OmcpError)) throw failure;
  progress(`${what}: ${failure.message}. ${failure.next ?? ""}`);
  return false;
}
