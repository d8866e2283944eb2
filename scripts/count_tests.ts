/**
 * Reads the JUnit reports of `deno test --junit-path` in a folder. Prints `total failed skipped`; on stderr, each failed test with the
 * start of its message, so that the end of a run's output shows what failed.
 */
import { complain, say } from "./output.ts";

const [path] = Deno.args;
if (path === undefined) throw new Error("Usage: count_tests.ts FOLDER");
const MESSAGE_CHARACTERS = 1_500;
const report = [...Deno.readDirSync(path)].map(({ name }) => Deno.readTextFileSync(`${path}/${name}`)).join(
  "\n",
);
let total = 0;
let failed = 0;
let skipped = 0;
for (const [suite] of report.matchAll(/<testsuite [^>]*>/g)) {
  total += count(suite, "tests");
  failed += count(suite, "failures") + count(suite, "errors");
  skipped += count(suite, "disabled") + count(suite, "skipped");
}
for (const [, attributes, body] of report.matchAll(/<testcase ([^>]*[^/])>([\s\S]*?)<\/testcase>/g)) {
  const failure = /<(?:failure|error)[\s>][\s\S]*<\/(?:failure|error)>/.exec(body ?? "")?.[0];
  if (failure === undefined) continue;
  const message = plain(failure).slice(0, MESSAGE_CHARACTERS);
  const name = `${attribute(attributes ?? "", "classname")}: ${attribute(attributes ?? "", "name")}`;
  await complain(`FAILED ${name}\n${message.replace(/^/gm, "    ")}`);
}
await say(`${total} ${failed} ${skipped}`);

function count(tag: string, name: string): number {
  return Number(new RegExp(` ${name}="(\\d+)"`).exec(tag)?.[1] ?? 0);
}

function attribute(attributes: string, name: string): string {
  return plain(new RegExp(`(?:^| )${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
}

function plain(xml: string): string {
  const named: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return xml.replace(/<[^>]*>/g, "").replace(/&(\w+);/g, (whole, name: string) => named[name] ?? whole);
}
