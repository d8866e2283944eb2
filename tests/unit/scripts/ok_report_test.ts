import assert from "node:assert/strict";
import { failureReport } from "../../../scripts/ok_report.ts";

/** Deno's output about a file that it refuses. */
async function refused(name: string, text: string, ...args: readonly string[]): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "omcp-ok-" });
  try {
    const path = `${folder}/${name}`;
    await Deno.writeTextFile(path, text);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...args, path],
      cwd: folder,
      env: { NO_COLOR: "1" },
    }).output();
    assert.equal(code, 1);
    const decoder = new TextDecoder();
    return failureReport(args, decoder.decode(stdout) + decoder.decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a report of wrong format or lint names the command that fixes it, without Deno's backtrace", async () => {
  const format = await refused("a.ts", "const   x=1\n", "fmt", "--check");
  assert.match(format, /^deno fmt --check failed:\n[^]*\nTo fix it, run: deno fmt$/);
  const lint = await refused("a.ts", "let x = 1;\nconsole.log(x);\n", "lint");
  assert.match(lint, /prefer-const[^]*\nTo fix it, run: deno lint --fix/);
  for (const report of [format, lint]) assert.doesNotMatch(report, /Stack backtrace|<unknown>/);
});

Deno.test("a report of wrong types has only the errors", async () => {
  const report = await refused("a.ts", 'export const x: number = "1";\n', "check");
  assert.match(report, /^deno check failed:\nTS2322/);
  assert.doesNotMatch(report, /Stack backtrace|<unknown>|To fix it/);
});
