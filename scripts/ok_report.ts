/** Reports a failed step of the gate. */

/** The commands that fix what some of Deno's subcommands find; other steps name their own. */
const FIXES: Readonly<Record<string, string>> = {
  fmt: "deno fmt",
  lint: "deno lint --fix, for the rules that have a fix",
};

/** Lines that every run prints: warnings about types of packages, and Deno's progress. */
const NOISE =
  /^(?:error: Type checking failed\.$|Stack backtrace:$| +\d+: <unknown>$|Warning Failed resolving types\b| {4}at file:\/\/.*\/@types\/|Check |Checked |Download )/;

/**
 * Reports a failed step.
 *
 * @param args Deno's arguments.
 * @param output What it printed.
 * @returns The step, its output without noise, and the command that fixes it, if there is one.
 */
export function failureReport(args: readonly string[], output: string): string {
  const lines = output.split("\n").filter((line) => !NOISE.test(line));
  const fix = FIXES[args[0] ?? ""];
  const next = fix === undefined ? "" : `\nTo fix it, run: ${fix}`;
  return `deno ${args.join(" ")} failed:\n${lines.join("\n").trim()}${next}`;
}
