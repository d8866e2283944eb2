/** Programs that the tests and the gate need besides Deno. */
import { OmcpError } from "../src/errors.ts";
import { installPackages } from "../src/cli/setup/distribution.ts";
import { stderrProgress } from "../src/image_setup/mod.ts";

/**
 * Whether a program can run.
 *
 * @param program Its name or path.
 * @param argument The argument with which it exits with 0. @default --version
 */
export async function canRun(program: string, argument = "--version"): Promise<boolean> {
  return (await runProgram(program, [argument])).success;
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

/** Fails unless all the named packages are installed. */
const INSTALLED = "import importlib.metadata as m, sys; [m.version(name) for name in sys.argv[1:]]";

/**
 * Ensures that packages of Python's index are installed in a virtual environment of their own.
 *
 * @param packages The packages, each with its version.
 * @param what Why they are needed, as in "the tests of the wheel need uv".
 * @returns The environment's folder.
 * @throws {Error} They cannot be installed.
 */
export async function pythonEnvironment(packages: readonly string[], what: string): Promise<string> {
  const environment = `${cacheFolder()}/omcp-python-checks/${packages.join("-")}`;
  const names = packages.map((name) => name.split("=")[0] ?? name);
  const installed = await runProgram(`${environment}/bin/python`, ["-c", INSTALLED, ...names]);
  if (installed.success) return environment;
  let result = await runProgram("python3", ["-m", "venv", environment]);
  if (!result.success && await install([["python3", "python3-venv"]], `${what}, and a virtual environment`)) {
    result = await runProgram("python3", ["-m", "venv", environment]);
  }
  if (result.success) {
    result = await runProgram(`${environment}/bin/pip`, [
      "install",
      "--quiet",
      "--disable-pip-version-check",
      ...packages,
    ]);
  }
  if (result.success) return environment;
  throw new Error(`Cannot install ${packages.join(" and ")} into ${environment}: ${result.text.trim()}`);
}

/** How a program ended. */
export interface ProgramEnd {
  readonly success: boolean;
  /** What it printed, to both streams. */
  readonly text: string;
}

/**
 * Runs a program without input.
 *
 * @param program Its name or path.
 * @param args Its arguments.
 * @param cwd Where.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  cwd: string = ".",
): Promise<ProgramEnd> {
  try {
    const command = new Deno.Command(program, { args: [...args], cwd, stdin: "null" });
    const { success, stdout, stderr } = await command.output();
    return { success, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  } catch (error) {
    return { success: false, text: String(error) };
  }
}

/** The user's cache folder (XDG base directory specification). */
function cacheFolder(): string {
  return Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME") || "/tmp"}/.cache`;
}
