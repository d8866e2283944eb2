/**
 * Runs the test suite; with OMCP_JUNIT=FOLDER reports go there too. Arguments are passed on to `deno test`.
 *
 * Besides the engine and the images, some tests look at ours from outside with other programs: the engine's own command line, a Python
 * that speaks the channel's other end, openssl for a Postgres with TLS. What is missing is installed on Debian as root, else named.
 */
import { install, isThere } from "./programs.ts";

/** Program → the distributions' packages that may hold it, newest first. */
const TOOLS: Readonly<Record<string, readonly string[]>> = {
  docker: ["docker-cli", "docker.io"],
  python3: ["python3"],
  openssl: ["openssl"],
};

async function ensureTools(): Promise<void> {
  for (const [program, packages] of Object.entries(TOOLS)) {
    if (await isThere(program, program === "openssl" ? "version" : "--version")) continue;
    const installed = await install(packages.map((name) => [name]), `the tests need the program ${program}`);
    if (!installed) Deno.exit(1);
  }
}

/** These take all that a machine has to give: they run first and alone. */
const GREEDY = ["tests/attacks"];
/**
 * These mostly wait for deadlines: they run beside the others, in a process of their own; on two cores that takes half the time. What
 * they print comes after what the others print.
 */
const WAITING = ["tests/faults", "tests/integration/guest"];

/** Runs tests; the report, where one is wanted, is a file of that name in the folder OMCP_JUNIT. */
function run(paths: readonly string[], name: string, output: "inherit" | "piped"): Deno.ChildProcess {
  const reports = Deno.env.get("OMCP_JUNIT");
  const report = reports === undefined ? [] : [`--junit-path=${reports}/${name}.xml`];
  return new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-prompt", ...report, ...paths],
    stdin: "null",
    stdout: output,
    stderr: output,
  }).spawn();
}

function others(): string[] {
  const all = ["tests", "tests/integration"].flatMap((folder) =>
    [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`)
  );
  return all.filter((path) => ![...GREEDY, ...WAITING, "tests/integration"].includes(path)).sort();
}

await ensureTools();
if (Deno.args.length > 0) Deno.exit((await run(Deno.args, "chosen", "inherit").status).code);
const greedy = await run(GREEDY, "attacks", "inherit").status;
const beside = run(WAITING, "waiting", "piped").output();
const rest = await run(others(), "others", "inherit").status;
const waiting = await beside;
await Deno.stdout.write(waiting.stdout);
await Deno.stderr.write(waiting.stderr);
Deno.exit(greedy.code || rest.code || waiting.code);
