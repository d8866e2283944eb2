/** Checks Python: mistakes of all of src/ and of the wheel's launcher with ruff, types of src/guest and of the launcher with mypy (strict). Both are pinned and have a virtual environment of their own. */
import { say } from "./output.ts";
import { pythonEnvironment, runProgram } from "./programs.ts";

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
  "-p",
  "omcp",
];
/** The wheel's launcher; Deno's package is not installed in that environment. */
const LAUNCHER = ["--strict", "--ignore-missing-imports", "-p", "omcp_python_sandbox"];
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

/** Other Python of src/ is sent as cells or evaluated, with names that exist there. */
const CELLS = [
  "--exclude=guest",
  "--config",
  'builtins = ["display", "user_ns", "attestation", "NAMES", "REQUEST"]',
];

const environment = await pythonEnvironment(TOOLS, "the checks of Python need them");
const results = [
  await runProgram(`${environment}/bin/mypy`, ["--cache-dir", `${environment}/mypy`, ...MYPY], "src/guest"),
  await runProgram(`${environment}/bin/ruff`, RUFF, "src/guest"),
  await runProgram(`${environment}/bin/ruff`, [...RUFF, ...CELLS], "src"),
  await runProgram(
    `${environment}/bin/mypy`,
    ["--cache-dir", `${environment}/mypy-launcher`, ...LAUNCHER],
    "packaging/python",
  ),
  await runProgram(`${environment}/bin/ruff`, RUFF, "packaging/python"),
];
for (const { success, text } of results) if (!success) await say(text.trim());
Deno.exit(results.every(({ success }) => success) ? 0 : 1);
