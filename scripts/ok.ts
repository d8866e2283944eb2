import { failureReport } from "./ok_report.ts";
import { say } from "./output.ts";

/** Modules with types that are inferred from the agent's schemas: `deno doc --lint` would report those types as private. */
const INFERRED: ReadonlySet<string> = new Set(["sandbox"]);

/** The gate before a commit: prints one line when every step passes, else the output of those that fail. */
const STEPS: readonly (readonly string[])[] = [
  ["fmt", "--check"],
  ["lint"],
  ["check", "src", "tests", "scripts", "examples"],
  ["doc", "--lint", "src/main.ts", ...modules()],
  ["run", "-A", "scripts/python_checks.ts"],
  ["run", "-A", "scripts/generate.ts", "--check"],
  ["run", "-A", "scripts/structure.ts"],
  ["run", "-A", "scripts/readme.ts", "--check"],
  ["run", "-A", "scripts/security_table.ts"],
  ["run", "-A", "scripts/links.ts"],
];

let failed = 0;
for (const args of STEPS) {
  const command = new Deno.Command(Deno.execPath(), {
    args: [...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
  });
  const { success, stdout, stderr } = await command.output();
  if (success) continue;
  failed += 1;
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  await say(failureReport(args, text));
}
await say(failed === 0 ? `${STEPS.length} checks passed` : `${failed} of ${STEPS.length} checks failed`);
Deno.exit(failed === 0 ? 0 : 1);

function modules(): string[] {
  const found: string[] = [];
  for (const entry of Deno.readDirSync("src")) {
    const path = `src/${entry.name}/mod.ts`;
    if (entry.isDirectory && isFile(path) && !INFERRED.has(entry.name)) found.push(path);
  }
  return found.sort();
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
