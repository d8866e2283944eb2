/** Prints `total failed skipped` of a JUnit report that `deno test --junit-path` wrote. */
const [path] = Deno.args;
if (path === undefined) throw new Error("Usage: count_tests.ts REPORT");
const report = Deno.readTextFileSync(path);
let total = 0;
let failed = 0;
let skipped = 0;
for (const [suite] of report.matchAll(/<testsuite [^>]*>/g)) {
  total += attribute(suite, "tests");
  failed += attribute(suite, "failures") + attribute(suite, "errors");
  skipped += attribute(suite, "disabled") + attribute(suite, "skipped");
}
await Deno.stdout.write(new TextEncoder().encode(`${total} ${failed} ${skipped}\n`));

function attribute(tag: string, name: string): number {
  return Number(new RegExp(` ${name}="(\\d+)"`).exec(tag)?.[1] ?? 0);
}
