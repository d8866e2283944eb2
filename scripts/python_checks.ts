/** Checks the Python of src/guest: types with mypy (strict), mistakes with ruff. Both are pinned and have a virtual environment of their own. */
import { say } from "./output.ts";
import { canRun, install } from "./programs.ts";

const TOOLS = ["mypy==2.4.1", "ruff==0.17.6"];
/** IPython and matplotlib are not installed in that environment, so their classes and decorators have no types. */
const MYPY = [
  "--strict",
  "--ignore-missing-imports",
  "--allow-subclassing-any",
  "--allow-untyped-decorators",
  "-p",
  "agent",
  "-p",
  "kernel_manager",
  "-p",
  "kernel",
  "-p",
  "resolver",
  "-p",
  "installer",
];
/** Mistakes, not style. Without B010: setattr() sets names that an older Python does not know. Without B023: such functions are called at once. */
const RUFF = [
  "check",
  "--no-cache",
  "--isolated",
  "--target-version=py38",
  "--select=E9,F,B,PLE,ASYNC",
  "--ignore=B010,B023",
  "--output-format=concise",
  ".",
];

const environment = `${cacheFolder()}/omcp-python-checks/${TOOLS.join("-")}`;
await ensureTools();
const results = [
  await run(`${environment}/bin/mypy`, ["--cache-dir", `${environment}/mypy`, ...MYPY], "src/guest"),
  await run(`${environment}/bin/ruff`, RUFF, "src/guest"),
];
for (const { success, text } of results) if (!success) await say(text.trim());
Deno.exit(results.every(({ success }) => success) ? 0 : 1);

async function ensureTools(): Promise<void> {
  if (await canRun(`${environment}/bin/ruff`) && await canRun(`${environment}/bin/mypy`)) return;
  let result = await run("python3", ["-m", "venv", environment]);
  if (!result.success) {
    if (!await install([["python3", "python3-venv"]], "the checks of the guest's Python need venv")) {
      Deno.exit(1);
    }
    result = await run("python3", ["-m", "venv", environment]);
  }
  if (result.success) {
    result = await run(`${environment}/bin/pip`, [
      "install",
      "--quiet",
      "--disable-pip-version-check",
      ...TOOLS,
    ]);
  }
  if (result.success) return;
  await say(`Cannot install ${TOOLS.join(" and ")} into ${environment}:\n${result.text}`.trim());
  Deno.exit(1);
}

async function run(program: string, args: readonly string[], cwd = ".") {
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
