/**
 * Runs tests against a real engine and a real Postgres.
 *
 *     deno task test [--update] [MODULE | KIND | PATH]… [options of deno test]
 *     deno task test:unit                                  what needs no engine
 *
 * Without a name, the whole suite runs (scripts/test_plan.ts). `--update` runs only the tests that have snapshots, and writes their
 * snapshots. With OMCP_JUNIT=FOLDER, each group writes a report to that folder. `deno task ok` checks types; this does not.
 *
 * Besides the engine and the images, some tests need other programs: the engine's own command line, Python, and openssl for a Postgres
 * with TLS. As root on Debian, this installs missing programs; elsewhere it reports them.
 */
import { writeAll } from "../src/lib/connection.ts";
import { say } from "./output.ts";
import { canRun, install } from "./programs.ts";
import {
  type Group,
  KINDS,
  moduleNames,
  pathsOf,
  snapshotTests,
  type TestFolders,
  UNIT,
  wholeSuite,
} from "./test_plan.ts";

/** Program → the distributions' packages that may contain it, newest first. */
const TOOLS: Readonly<Record<string, readonly string[]>> = {
  docker: ["docker-cli", "docker.io"],
  python3: ["python3"],
  openssl: ["openssl"],
  npm: ["npm"],
};
/** An address without an engine, so that a unit test that needs one fails. */
const NO_ENGINE = "unix:///nonexistent/docker.sock";

const FOLDERS: TestFolders = {
  exists(path) {
    try {
      Deno.statSync(path);
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  },
  names: (folder) =>
    [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => !name.startsWith(".")),
  text: (path) => Deno.readTextFileSync(path),
};

interface Outcome {
  readonly group: Group;
  readonly code: number;
  readonly seconds: number;
}

const onlyUnit = Deno.args.includes("--unit");
const update = Deno.args.includes("--update");
const args = Deno.args.filter((argument) => argument !== "--unit" && argument !== "--update");
const chosen = chosenGroup(args);

await ensureTools(onlyUnit ? ["python3"] : Object.keys(TOOLS));
const outcomes: Outcome[] = [];
if (chosen !== undefined) outcomes.push(await run(chosen, "inherit"));
else if (onlyUnit) {
  outcomes.push(await run(UNIT, "inherit"));
} else {
  for (const lanes of wholeSuite(FOLDERS)) {
    const stage = lanes.map(async (lane, index) => {
      // The output of the other lanes is printed group by group: its lines would get lost among the first lane's.
      for (const group of lane) outcomes.push(await run(group, index === 0 ? "inherit" : "piped"));
    });
    await Promise.all(stage);
  }
  await say(outcomes.map(({ group, seconds }) => `${group.name} ${seconds.toFixed(0)} s`).join(", "));
}
Deno.exit(outcomes.find(({ code }) => code !== 0)?.code ?? 0);

/** The tests that the arguments name; undefined for the whole suite. */
function chosenGroup(args: readonly string[]): Group | undefined {
  if (args.length === 0 && !update) return undefined;
  const at = args.findIndex((argument) => argument.startsWith("-"));
  const names = at === -1 ? args : args.slice(0, at);
  const options = at === -1 ? [] : args.slice(at);
  const paths = names.flatMap((name) => {
    const found = pathsOf(name, FOLDERS).filter((path) => !onlyUnit || path.startsWith("tests/unit"));
    if (found.length > 0) return found;
    throw new Error(
      `There are no tests of ${name}. A module: ${moduleNames(FOLDERS).join(", ")}; a kind: ${
        KINDS.join(", ")
      }; or a path.`,
    );
  });
  const all = onlyUnit ? ["tests/unit"] : KINDS.map((kind) => `tests/${kind}`);
  const chosen = paths.length === 0 ? all : paths;
  if (!update) return { name: "chosen", paths: [...chosen, ...options] };
  const writers = snapshotTests(chosen, FOLDERS);
  if (writers.length === 0) throw new Error(`No test of ${chosen.join(", ")} has a snapshot`);
  return { name: "chosen", paths: [...writers, ...options] };
}

async function run(group: Group, output: "inherit" | "piped"): Promise<Outcome> {
  const reports = Deno.env.get("OMCP_JUNIT");
  const report = reports === undefined ? [] : [`--junit-path=${reports}/${group.name}.xml`];
  const { jobs = 1 } = group;
  const started = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "-A",
      "--no-prompt",
      "--no-check",
      ...(jobs > 1 ? ["--parallel"] : []),
      ...report,
      ...group.paths,
      ...(update ? ["--", "--update"] : []),
    ],
    env: {
      ...(jobs > 1 ? { DENO_JOBS: String(jobs) } : {}),
      ...(group.name === "unit" || onlyUnit ? { DOCKER_HOST: NO_ENGINE } : {}),
    },
    stdin: "null",
    stdout: output,
    stderr: output,
  }).spawn();
  const printed = output === "piped" ? await child.output() : undefined;
  const { code } = printed ?? await child.status;
  const seconds = (performance.now() - started) / 1000;
  if (printed !== undefined) {
    await writeAll(Deno.stdout, printed.stdout);
    await writeAll(Deno.stderr, printed.stderr);
  }
  return { group, code, seconds };
}

async function ensureTools(programs: readonly string[]): Promise<void> {
  for (const program of programs) {
    if (await canRun(program, program === "openssl" ? "version" : "--version")) continue;
    const packages = (TOOLS[program] ?? []).map((name) => [name]);
    if (!await install(packages, `the tests need the program ${program}`)) Deno.exit(1);
  }
}
