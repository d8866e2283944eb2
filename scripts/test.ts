/**
 * Runs the test suite; with OMCP_JUNIT=FILE the counts go there too. Arguments are passed on to `deno test`.
 *
 * Besides the engine and the images, some tests look at ours from outside with other programs: the engine's own command line, a Python
 * that speaks the channel's other end, openssl for a Postgres with TLS. What is missing is installed on Debian as root, else named.
 */
import { OmcpError } from "../src/errors.ts";
import { installPackages } from "../src/cli/setup/distribution.ts";
import { stderrProgress } from "../src/cli/setup/progress.ts";

/** Program → the distributions' packages that may hold it, newest first. */
const TOOLS: Readonly<Record<string, readonly string[]>> = {
  docker: ["docker-cli", "docker.io"],
  python3: ["python3"],
  openssl: ["openssl"],
};

async function isThere(program: string): Promise<boolean> {
  const args = [program === "openssl" ? "version" : "--version"];
  try {
    return (await new Deno.Command(program, { args, stdout: "null", stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}

async function ensureTools(): Promise<void> {
  const progress = stderrProgress();
  for (const [program, packages] of Object.entries(TOOLS)) {
    if (await isThere(program)) continue;
    let failure: unknown;
    for (const name of packages) {
      try {
        await installPackages([name], { progress });
        failure = undefined;
        break;
      } catch (error) {
        failure = error;
      }
    }
    if (failure instanceof OmcpError) {
      progress(`the tests need the program ${program}: ${failure.message}. ${failure.next ?? ""}`);
    }
    if (failure !== undefined) Deno.exit(1);
  }
}

await ensureTools();
const report = Deno.env.get("OMCP_JUNIT");
const command = new Deno.Command(Deno.execPath(), {
  args: [
    "test",
    "-A",
    "--no-prompt",
    ...(report === undefined ? [] : [`--junit-path=${report}`]),
    ...(Deno.args.length > 0 ? Deno.args : ["tests"]),
  ],
  stdin: "null",
});
Deno.exit((await command.spawn().status).code);
